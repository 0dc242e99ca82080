//! Declarations: structs as users write them, with all that the attribute knows, and now and then
//! with a mistake that it has to find. What is valid compiles.

use std::cell::RefCell;
use std::collections::HashMap;

use arbitrary::{Result, Unstructured};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;

/// What the declarations use, to stand in the module around the modules that they are in.
pub const SUPPORT: &str = r"
pub use std::cell::Cell;
pub use std::collections::HashMap;
pub use tls_core::shared::{Gauge, Part, Peak, UpDown};
pub use tls_core::{Counter, Histogram, thread_local_state};

#[derive(Debug)]
pub struct Opaque(pub u8);

impl Opaque {
    pub const fn new(value: u8) -> Self {
        Self(value)
    }
}

impl std::str::FromStr for Opaque {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[derive(Debug)]
pub struct Failure;

impl From<std::num::ParseIntError> for Failure {
    fn from(_: std::num::ParseIntError) -> Self {
        Self
    }
}

pub fn read<T: std::str::FromStr>(text: &str) -> Result<T, T::Err> {
    text.parse()
}
";

/// A declaration.
pub struct Declaration {
    pub args: TokenStream,
    pub item: TokenStream,
    /// The item with the configuration applied.
    pub configured: TokenStream,
    /// The function that `init = PATH` names.
    pub maker: TokenStream,
    pub name: Ident,
    /// Whether the macro should accept it.
    pub is_valid: bool,
    /// Whether it may stand in a function.
    pub is_in_function: bool,
}

/// A type of fields, with expressions that make a value.
struct Kind {
    ty: &'static str,
    has_default: bool,
    is_debug: bool,
    constant: &'static [&'static str],
    lazy: &'static [&'static str],
    /// With `?`, on an error from which every error type can be made.
    fallible: &'static [&'static str],
}

const fn kind(
    ty: &'static str,
    constant: &'static [&'static str],
    lazy: &'static [&'static str],
    fallible: &'static [&'static str],
) -> Kind {
    Kind {
        ty,
        has_default: true,
        is_debug: true,
        constant,
        lazy,
        fallible,
    }
}

const NUMBER: usize = 0;
const STRING: usize = 1;

const KINDS: &[Kind] = &[
    kind(
        "u64",
        &[
            "0",
            "1 + 2",
            "u64::MAX",
            "{ const N: u64 = 7; N }",
            "if true { 1 } else { 2 }",
        ],
        &[
            "std::process::id().into()",
            "[1, 2].iter().sum()",
            "(|a: u64, b: u64| a + b)(1, 2)",
        ],
        &[
            "read(\"7\")?",
            "{ let n: u64 = read(\"1\")?; n + 1 }",
            "match read::<u64>(\"1\") { Ok(n) => n, Err(error) => return Err(error.into()) }",
        ],
    ),
    kind(
        "String",
        &["String::new()"],
        &[
            "String::from(\"a, b {x}\")",
            "format!(\"{}-{:?}\", 1, 'c')",
            "[\"x\"; 2].concat()",
        ],
        &[
            "read::<u8>(\"7\")?.to_string()",
            "format!(\"{}\", read::<u8>(\"7\")?)",
        ],
    ),
    kind(
        "Vec<u8>",
        &["Vec::new()", "Vec::<u8>::new()"],
        &[
            "vec![1, 2, 3]",
            "(0..9).map(|n| n * 2).collect()",
            "Vec::with_capacity(3)",
        ],
        &[
            "vec![read(\"7\")?, 1]",
            "[\"1\", \"2\"].iter().map(|text| text.parse()).collect::<Result<_, std::num::ParseIntError>>()?",
        ],
    ),
    kind(
        "(u8, char)",
        &["(1, 'x')", "(2, '\\'')"],
        &["Default::default()"],
        &["(read(\"7\")?, 'x')"],
    ),
    kind(
        "[u16; 2 + 1]",
        &["[1, 2, 3]", "[7; 3]"],
        &["std::array::from_fn(|n| n as u16)"],
        &["[read(\"7\")?; 3]"],
    ),
    Kind {
        is_debug: false,
        ..kind(
            "Option<Box<dyn Fn(&u8) -> u8>>",
            &["None"],
            &["Some(Box::new(|n| *n))", "Some(Box::new(move |&n| n | 1))"],
            &["Some({ let n = read::<u8>(\"7\")?; Box::new(move |m| n + m) })"],
        )
    },
    kind(
        "&'static str",
        &["\"{ {x} \"", "\"\"", "r#\"{jobs}\"#"],
        &["[\"x\"][0]"],
        &["{ let _: u8 = read(\"7\")?; \"x\" }"],
    ),
    Kind {
        has_default: false,
        ..kind(
            "Opaque",
            &["Opaque::new(3)", "Opaque(4)"],
            &["Opaque(\"x\".len() as u8)"],
            &["read(\"7\")?"],
        )
    },
    kind(
        "HashMap<String, (u8, u8)>",
        &[],
        &[
            "HashMap::with_capacity(3)",
            "HashMap::from([(String::new(), (1, 2))])",
        ],
        &["HashMap::with_capacity(read(\"7\")?)"],
    ),
    kind(
        "()",
        &["()", "{}"],
        &["std::process::id().to_string().clear()"],
        &["{ let _: u8 = read(\"7\")?; }"],
    ),
    kind(
        "f64",
        &["1.5", "-1e3"],
        &["f64::from(2_u8).sqrt()"],
        &["f64::from(read::<u8>(\"7\")?)"],
    ),
    kind(
        "std::marker::PhantomData<fn(u8) -> u8>",
        &["std::marker::PhantomData"],
        &["Default::default()"],
        &[],
    ),
    Kind {
        has_default: false,
        ..kind(
            "fn(&str) -> usize",
            &["str::len", "|text| text.len()"],
            &[],
            &[],
        )
    },
    kind(
        "Cell<u8>",
        &["Cell::new(1)"],
        &["Cell::default()"],
        &["Cell::new(read(\"7\")?)"],
    ),
    Kind {
        has_default: false,
        ..kind(
            "[u64; 200]",
            &["[0; 200]"],
            &["[\"x\".len() as u64; 200]"],
            &["[read(\"7\")?; 200]"],
        )
    },
    kind(
        "Vec<Option<(String, [u8; 4])>>",
        &["Vec::new()"],
        &["vec![None; 2]", "Vec::default()"],
        &[],
    ),
    kind(
        "u8",
        &["b'x'", "!0", "-1_i8 as u8"],
        &["\"a?\".len() as u8"],
        &[
            "read(\"7\")?",
            "u8::from(read::<u8>(\"7\").is_ok()) + read::<u8>(\"1\")?",
        ],
    ),
];

const SHARED: &[&str] = &[
    "Counter",
    "UpDown",
    "Gauge",
    "Peak",
    "Histogram",
    "[Counter; 3]",
    "[[Peak; 2]; 1 + 1]",
    "Part<Vec<u64>>",
    "Part<HashMap<String, u64>>",
    "tls_core::Counter",
    "[Gauge; 0]",
    "[Histogram; 2]",
];

/// No two of them have the same handle.
const NAMES: &[&str] = &[
    "jobs",
    "names",
    "r#type",
    "r#fn",
    "größe",
    "_x",
    "x1",
    "f",
    "r",
    "e",
    "value",
    "state",
    "slot",
    "std",
    "core",
    "fields",
    "init",
    "home",
    "n",
    "S",
    "ß",
    "__",
    "with_state",
    "error",
    "field_0",
    "tls_core",
    "place",
    "this",
    "result",
    "u64",
    "Self_",
    "place_2",
    "ok",
    "handle",
];

const STRUCTS: &[&str] = &[
    "Worker",
    "R",
    "F",
    "E",
    "T",
    "r#struct",
    "worker",
    "Größe",
    "Slot",
    "Info",
    "Field",
    "AccessError",
    "S",
    "Self_",
    "Uninit",
];

const VISIBILITIES: &[&str] = &[
    "",
    "",
    "pub",
    "pub(crate)",
    "pub(super)",
    "pub(self)",
    "pub(in crate)",
];

const ERRORS: &[&str] = &[
    "Failure",
    "std::num::ParseIntError",
    "Box<dyn std::error::Error + Send + Sync>",
    "super::Failure",
];

const FIELD_ATTRS: &[&str] = &[
    "#[doc = \" Text.\"]",
    "#[cfg(all())]",
    "#[cfg_attr(all(), doc = \"More.\")]",
    "#[cfg_attr(any(), cfg(any()))]",
    "#[allow(dead_code)]",
    "#[doc = \"\\n * Text {x}\\n * more\\n\"]",
    "#[deprecated]",
    "#[cfg_attr(all(), cfg(all()), doc(alias = \"other\"))]",
];

const STRUCT_ATTRS: &[&str] = &[
    "#[doc = \" Text.\"]",
    "#[repr(C)]",
    "#[repr(align(64))]",
    "#[repr(C, align(256))]",
    "#[allow(clippy::all)]",
    "#[cfg_attr(all(), repr(C))]",
    "#[cfg_attr(any(), derive(Unknown))]",
    "#[must_use]",
    "#[non_exhaustive]",
    "#[deprecated = \"old\"]",
];

const MISTAKES_OF_ARGS: &[&str] = &[
    "eror = Failure",
    "banana",
    "fork = forget",
    "fork",
    "const, explicit",
    "const, error = Failure",
    "const, init = make",
    "init = make, explicit",
    "explicit, explicit",
    "shared",
    "crate",
    "error = 5",
];

const MISTAKES_OF_FIELDS: &[&str] = &[
    "#[state(shared, init = 1)] wrong: Counter",
    "#[state(init = self.x)] wrong: u64",
    "#[state(init = 1)] #[state(init = 2)] wrong: u64",
    "#[state] wrong: u64",
    "#[state = 1] wrong: u64",
    "#[state(inti = 1)] wrong: u64",
    "#[state(init = 1; 2)] wrong: u64",
    "#[state(init)] wrong: u64",
    "#[state(error = Failure)] wrong: u64",
    "#[state(init = \"\")] wrong: &str",
    "#[state(init = 1)] wrong: u64, #[state(init = 1)] WRONG: u64",
    "#[state(5)] wrong: u64",
];

const MISTAKES_OF_STRUCTS: &[&str] = &[
    "#[derive(Default)]",
    "#[derive(Debug, Clone)]",
    "#[repr(packed)]",
    "#[state(init = 1)]",
    "#[thread_local_state(const)]",
];

thread_local! {
    static PARSED: RefCell<HashMap<&'static str, TokenStream>> = RefCell::default();
}

/// The tokens of a text of this file, parsed once.
fn parsed(text: &'static str) -> TokenStream {
    PARSED.with_borrow_mut(|parsed| {
        parsed
            .entry(text)
            .or_insert_with(|| crate::text(text))
            .clone()
    })
}

fn one_of(u: &mut Unstructured<'_>, texts: &'static [&'static str]) -> Result<TokenStream> {
    Ok(parsed(u.choose(texts)?))
}

fn ident(name: &str) -> Ident {
    match name.strip_prefix("r#") {
        Some(name) => Ident::new_raw(name, Span::call_site()),
        None => Ident::new(name, Span::call_site()),
    }
}

/// What an initializer may mention.
struct Earlier {
    name: &'static str,
    kind: usize,
}

/// The arguments that matter for fields.
struct Args {
    is_constant: bool,
    has_error: bool,
    takes_values: bool,
}

/// What is known of a declaration while it is being made.
struct Making<'a, 'b> {
    u: &'a mut Unstructured<'b>,
    args: Args,
    is_tuple: bool,
    is_debug: bool,
    names: usize,
    /// As written, and if it is there, as configured.
    fields: Vec<(TokenStream, Option<TokenStream>)>,
    earlier: Vec<Earlier>,
    has_shared: bool,
    /// The fields of `NameInit`.
    values: Vec<TokenStream>,
}

impl Declaration {
    /// Makes one of bytes.
    pub fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let name = ident(u.choose(STRUCTS)?);
        let init = Ident::new(
            &format!("{}Init", name.to_string().trim_start_matches("r#")),
            Span::call_site(),
        );
        let mut parts = Vec::new();
        let form = u.int_in_range(0..=5)?;
        let args = Args {
            is_constant: form == 1,
            takes_values: form == 2 || form == 3,
            has_error: form != 1 && u.ratio(1, 3)?,
        };
        match form {
            1 => parts.push(quote!(const)),
            2 => parts.push(quote!(explicit)),
            3 => parts.push(quote!(init = make)),
            _ => {}
        }
        let error = one_of(u, ERRORS)?;
        if args.has_error {
            parts.push(quote!(error = #error));
        }
        match u.int_in_range(0..=5)? {
            0 => parts.push(quote!(fork = reset)),
            1 => parts.push(quote!(fork = keep)),
            _ => {}
        }
        let is_in_function = u.ratio(1, 8)?;
        if is_in_function {
            parts.push(quote!(in_function));
        }
        match u.int_in_range(0..=7)? {
            0 => parts.push(quote!(crate = ::tls_core)),
            1 => parts.push(quote!(crate = tls_core)),
            _ => {}
        }
        let turns = u.int_in_range(0..=parts.len().max(1) - 1)?;
        parts.rotate_left(turns);

        let mut making = Making {
            is_tuple: u.ratio(1, 3)?,
            is_debug: true,
            fields: Vec::new(),
            names: u.int_in_range(0..=NAMES.len() - 1)?,
            args,
            earlier: Vec::new(),
            has_shared: false,
            values: Vec::new(),
            u,
        };
        let count = match making.u.int_in_range(0..=15)? {
            15 => 24,
            count => 1 + count % 4,
        };
        for _ in 0..count {
            making.field()?;
        }
        if making.earlier.is_empty() && !making.has_shared {
            // All of them are configured away.
            making.plain_field(NUMBER, false)?;
        }
        let Making {
            is_tuple,
            is_debug,
            has_shared,
            mut fields,
            args,
            values,
            u,
            ..
        } = making;

        let mut attrs = Vec::new();
        let mut attr = u.int_in_range(0..=STRUCT_ATTRS.len() * 2)?;
        while attr < STRUCT_ATTRS.len() {
            // Shared fields exclude it.
            if !(has_shared && STRUCT_ATTRS[attr].contains("repr(C")) {
                attrs.push(parsed(STRUCT_ATTRS[attr]));
            }
            attr += 3;
        }
        if is_debug && u.ratio(1, 4)? {
            attrs.push(quote!(#[derive(Debug)]));
        }
        let vis = one_of(u, VISIBILITIES)?;
        let mut generics = TokenStream::new();
        let mut is_valid = true;
        match u.int_in_range(0..=31)? {
            1 => {
                // A repeated argument is one more mistake.
                parts.push(one_of(u, MISTAKES_OF_ARGS)?);
                is_valid = false;
            }
            2 if !is_tuple => {
                fields.push(same(one_of(u, MISTAKES_OF_FIELDS)?));
                is_valid = false;
            }
            3 => {
                attrs.push(one_of(u, MISTAKES_OF_STRUCTS)?);
                is_valid = false;
            }
            4 => {
                generics = one_of(u, &["<T>", "<'a>", "<const N: usize>"])?;
                is_valid = false;
            }
            5 if !args.has_error && !is_tuple => {
                fields.push(same(quote!(#[state(init = read("1")?)] wrong: u64)));
                is_valid = false;
            }
            6 if args.is_constant && !is_tuple => {
                fields.push(same(quote!(wrong: u64)));
                is_valid = false;
            }
            7 => {
                fields.clear();
                is_valid = false;
            }
            _ => {}
        }

        let item = |fields: &[TokenStream]| {
            if is_tuple {
                quote!(#(#attrs)* #vis struct #name #generics (#(#fields),*);)
            } else {
                quote!(#(#attrs)* #vis struct #name #generics { #(#fields),* })
            }
        };
        let (written, configured): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
        let configured: Vec<_> = configured.into_iter().flatten().collect();
        let (item, configured) = (item(&written), item(&configured));
        let maker = if form == 3 {
            let values = if is_tuple {
                quote!(#init(#(#values),*))
            } else {
                quote!(#init { #(#values),* })
            };
            if args.has_error && u.ratio(1, 2)? {
                quote!(fn make() -> Result<#init, #error> { Ok(#values) })
            } else {
                quote!(fn make() -> #init { #values })
            }
        } else {
            TokenStream::new()
        };
        Ok(Self {
            args: quote!(#(#parts),*),
            item,
            configured,
            maker,
            name,
            is_valid,
            is_in_function,
        })
    }
}

/// A field that is not configured.
fn same(field: TokenStream) -> (TokenStream, Option<TokenStream>) {
    (field.clone(), Some(field))
}

impl Making<'_, '_> {
    fn field(&mut self) -> Result<()> {
        match self.u.int_in_range(0..=9)? {
            // A tuple struct has none.
            0 | 1 if !self.is_tuple => self.shared_field(),
            2 => self.absent_field(),
            _ => {
                let kind = self.u.choose_index(KINDS.len())?;
                let has_init = self.u.ratio(1, 2)?;
                self.plain_field(kind, has_init)
            }
        }
    }

    fn name(&mut self) -> &'static str {
        self.names += 1;
        NAMES[self.names % NAMES.len()]
    }

    fn attrs(&mut self) -> Result<TokenStream> {
        let mut attrs = TokenStream::new();
        let mut attr = self.u.int_in_range(0..=FIELD_ATTRS.len() * 2)?;
        while attr < FIELD_ATTRS.len() {
            attrs.extend(parsed(FIELD_ATTRS[attr]));
            attr += 3;
        }
        Ok(attrs)
    }

    /// The attribute, as such or within a `cfg_attr`.
    fn state(&mut self, args: &TokenStream) -> Result<(TokenStream, TokenStream)> {
        let plain = quote!(#[state(#args)]);
        Ok(match self.u.int_in_range(0..=9)? {
            0 => (quote!(#[cfg_attr(all(), state(#args))]), plain),
            1 => {
                let nested = quote!(#[cfg_attr(not(any()), cfg_attr(all(), state(#args)))]);
                (nested, plain)
            }
            2 => {
                let comma = quote!(#[state(#args,)]);
                (comma.clone(), comma)
            }
            _ => (plain.clone(), plain),
        })
    }

    fn with_name(&self, name: &str, field: &TokenStream) -> TokenStream {
        if self.is_tuple {
            field.clone()
        } else {
            let name = ident(name);
            quote!(#name: #field)
        }
    }

    fn shared_field(&mut self) -> Result<()> {
        let ty = one_of(self.u, SHARED)?;
        let (state, configured) = self.state(&quote!(shared))?;
        let attrs = self.attrs()?;
        let vis = one_of(self.u, VISIBILITIES)?;
        let name = self.name();
        let field = self.with_name(name, &quote!(#ty));
        self.has_shared = true;
        self.fields.push((
            quote!(#attrs #state #vis #field),
            Some(quote!(#attrs #configured #vis #field)),
        ));
        Ok(())
    }

    /// A field that the configuration takes away.
    fn absent_field(&mut self) -> Result<()> {
        let name = self.name();
        let state = match self.u.int_in_range(0..=3)? {
            0 if !self.is_tuple => quote!(#[state(shared)]),
            1 => quote!(#[state(init = nonsense)]),
            _ if self.args.is_constant => quote!(#[state(init = nonsense)]),
            _ => quote!(),
        };
        let cfg = one_of(
            self.u,
            &["#[cfg(any())]", "#[cfg_attr(all(), cfg(not(all())))]"],
        )?;
        let field = self.with_name(name, &quote!(Gone));
        self.fields.push((quote!(#cfg #state #field), None));
        Ok(())
    }

    fn plain_field(&mut self, kind: usize, has_init: bool) -> Result<()> {
        let of = &KINDS[kind];
        let Args {
            is_constant,
            has_error,
            takes_values,
        } = self.args;
        let (kind, of) = if is_constant && of.constant.is_empty() {
            (NUMBER, &KINDS[NUMBER])
        } else {
            (kind, of)
        };
        let has_init = has_init || is_constant || !(of.has_default || takes_values);
        let name = self.name();
        let ty = parsed(of.ty);
        let (state, configured) = if has_init {
            let init = self.init(kind, is_constant, has_error)?;
            self.state(&quote!(init = #init))?
        } else {
            if takes_values {
                // It stands in a function, where no field is in scope.
                let value = of.lazy.first().or(of.constant.first());
                let value = value.map_or_else(TokenStream::new, |text| parsed(text));
                self.values.push(self.with_name(name, &value));
            }
            <_>::default()
        };
        let attrs = self.attrs()?;
        let vis = one_of(self.u, VISIBILITIES)?;
        self.is_debug &= of.is_debug;
        self.earlier.push(Earlier { name, kind });
        let field = self.with_name(name, &ty);
        // An attribute of ours may stand anywhere among the others.
        let is_last = self.u.ratio(1, 2)?;
        let field = |state| {
            if is_last {
                quote!(#attrs #state #vis #field)
            } else {
                quote!(#state #attrs #vis #field)
            }
        };
        self.fields.push((field(state), Some(field(configured))));
        Ok(())
    }

    fn init(&mut self, kind: usize, is_constant: bool, has_error: bool) -> Result<TokenStream> {
        let of = &KINDS[kind];
        if !self.is_tuple && self.u.ratio(1, 2)? {
            if let Some(mention) = self.mention(kind, is_constant)? {
                return Ok(mention);
            }
        }
        let choices: &[_] = match self.u.int_in_range(0..=2)? {
            0 if has_error && !of.fallible.is_empty() => of.fallible,
            1 if !is_constant && !of.lazy.is_empty() => of.lazy,
            _ if of.constant.is_empty() => of.lazy,
            _ => of.constant,
        };
        one_of(self.u, choices)
    }

    /// An expression that mentions an earlier field, if there is one that fits.
    fn mention(&mut self, kind: usize, is_constant: bool) -> Result<Option<TokenStream>> {
        if self.earlier.is_empty() {
            return Ok(None);
        }
        let earlier = self.u.choose(&self.earlier)?;
        let name = ident(earlier.name);
        Ok(match (kind, earlier.kind) {
            (NUMBER, NUMBER) => Some(quote!(*#name / 2 + 1)),
            (NUMBER, STRING) if !is_constant => Some(quote!(#name.len() as u64)),
            (STRING, STRING) if !is_constant => Some(quote!(#name.clone() + "!")),
            (STRING, NUMBER) if !is_constant && !earlier.name.starts_with("r#") => {
                let text = Literal::string(&format!("{{{}:>4}}", earlier.name));
                Some(quote!(format!(#text)))
            }
            (STRING, NUMBER) if !is_constant => Some(quote!(#name.to_string())),
            _ => None,
        })
    }
}
