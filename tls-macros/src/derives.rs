//! The derives below the attribute: the first step rejects those that cannot work, and removes them, so
//! that only our error is reported.
//!
//! A derive is known only by its name, so the table lists names that are unambiguous. If a derive that
//! creates a value is not in the table, the compiler reports an error that names the hidden field,
//! because safe code cannot omit that field.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Path, Token};

use crate::conditions::without;
use crate::errors::Errors;

/// What is wrong with a derive, and what to write instead.
#[derive(Clone, Copy)]
enum Mistake {
    Default,
    Clone,
    /// It creates a value from input.
    Reads,
    /// It creates a value from given parts.
    Builds,
    /// It creates a value from other values of the type.
    Computes,
    /// It creates a value, or a reference to one, from memory.
    Casts,
    /// It requires `Copy`.
    NeedsCopy,
    /// Its code has a pattern with all fields and without `..`.
    NamesEveryField,
    /// Like `NamesEveryField`, for a trait that the standard library has a derive for.
    NamesEveryFieldAsStd,
}

/// Derives with the same mistake and the same attributes.
struct Refused {
    mistake: Mistake,
    names: &'static [&'static str],
    /// Their helper attributes.
    attributes: &'static [&'static str],
    /// Derives that have the same helper attributes and are not refused.
    others: &'static [&'static str],
}

const fn refused(mistake: Mistake, names: &'static [&'static str]) -> Refused {
    Refused {
        mistake,
        names,
        attributes: &[],
        others: &[],
    }
}

impl Refused {
    const fn with(
        self,
        attributes: &'static [&'static str],
        others: &'static [&'static str],
    ) -> Self {
        Self {
            attributes,
            others,
            ..self
        }
    }
}

static REFUSED: &[Refused] = &[
    // The standard library.
    refused(Mistake::Default, &["Default"]),
    refused(Mistake::Clone, &["Clone", "Copy"]),
    // serde, serde_with, serde_repr.
    refused(
        Mistake::Reads,
        &["Deserialize", "DeserializeFromStr", "Deserialize_repr"],
    )
    .with(
        &["serde", "serde_as", "serde_with"],
        &[
            "Serialize",
            "SerializeDisplay",
            "Serialize_repr",
            "JsonSchema",
            "TS",
        ],
    ),
    // Other formats: borsh, bincode, SCALE and musli, minicbor, speedy, nanoserde.
    refused(Mistake::Reads, &["BorshDeserialize"])
        .with(&["borsh"], &["BorshSerialize", "BorshSchema"]),
    refused(
        Mistake::Reads,
        &[
            "Decode",
            "BorrowDecode",
            "Decodable",
            "DecodeWithMemTracking",
        ],
    )
    .with(
        &["bincode", "codec", "musli", "cbor", "n", "b"],
        &["Encode", "CborLen", "MaxEncodedLen", "TypeInfo"],
    ),
    refused(Mistake::Reads, &["Readable"]).with(&["speedy"], &["Writable"]),
    refused(Mistake::Reads, &["DeBin", "DeJson", "DeRon"])
        .with(&["nserde"], &["SerBin", "SerJson", "SerRon"]),
    // Rows: sqlx and others, diesel, sea-orm.
    refused(Mistake::Reads, &["FromRow"]).with(&["sqlx", "mysql", "postgres"], &["Type"]),
    refused(Mistake::Reads, &["Queryable", "QueryableByName"]).with(
        &["diesel"],
        &[
            "AsChangeset",
            "Associations",
            "Identifiable",
            "Insertable",
            "Selectable",
        ],
    ),
    refused(Mistake::Reads, &["FromQueryResult"]).with(&["sea_orm"], &[]),
    // Command lines: clap, structopt, argh.
    refused(
        Mistake::Reads,
        &["Parser", "Args", "Subcommand", "ValueEnum"],
    )
    .with(&["clap", "arg", "command", "group", "value"], &[]),
    refused(Mistake::Reads, &["StructOpt"]).with(&["structopt"], &[]),
    refused(Mistake::Reads, &["FromArgs"]).with(&["argh"], &[]),
    // Other derives that read: darling, rocket, pyo3, bevy, redis, envconfig.
    refused(
        Mistake::Reads,
        &["FromMeta", "FromField", "FromDeriveInput", "FromAttributes"],
    )
    .with(&["darling"], &[]),
    refused(Mistake::Reads, &["FromForm"]).with(&["field"], &["UriDisplayQuery"]),
    refused(Mistake::Reads, &["FromPyObject"]).with(&["pyo3"], &["IntoPyObject"]),
    refused(Mistake::Reads, &["FromReflect", "FromRedisValue"]),
    refused(Mistake::Reads, &["Envconfig"]).with(&["envconfig"], &[]),
    refused(Mistake::Reads, &["FromStr"]).with(&["from_str"], &[]),
    // Random values: arbitrary, proptest, fake.
    refused(Mistake::Reads, &["Arbitrary"]).with(&["arbitrary", "proptest"], &[]),
    refused(Mistake::Reads, &["Dummy"]).with(&["dummy"], &[]),
    // Builders: bon, typed-builder, derive_builder; constructors: derive_more, derive-new.
    refused(Mistake::Builds, &["Builder", "TypedBuilder"]).with(
        &[
            "builder",
            "builder_field_attr",
            "builder_struct_attr",
            "builder_setter_attr",
        ],
        &[],
    ),
    refused(Mistake::Builds, &["Constructor"]),
    refused(Mistake::Builds, &["From"]).with(&["from"], &["Error"]),
    refused(Mistake::Builds, &["new"]).with(&["new"], &[]),
    refused(Mistake::Builds, &["SmartDefault"]).with(&["default"], &[]),
    // Operators of derive_more. The assigning operators create no value, but name every field.
    refused(
        Mistake::Computes,
        &[
            "Add", "Sub", "Mul", "Div", "Rem", "BitAnd", "BitOr", "BitXor", "Shl", "Shr", "Not",
            "Neg", "Sum", "Product",
        ],
    )
    .with(OPERATORS, &[]),
    refused(
        Mistake::NamesEveryField,
        &[
            "AddAssign",
            "SubAssign",
            "MulAssign",
            "DivAssign",
            "RemAssign",
            "BitAndAssign",
            "BitOrAssign",
            "BitXorAssign",
            "ShlAssign",
            "ShrAssign",
        ],
    )
    .with(OPERATORS, &[]),
    // Memory: bytemuck, zerocopy with the names of older versions, ref-cast.
    refused(
        Mistake::Casts,
        &[
            "Zeroable",
            "AnyBitPattern",
            "Pod",
            "CheckedBitPattern",
            "TransparentWrapper",
        ],
    )
    .with(
        &["bytemuck", "zeroable", "transparent"],
        &["ByteEq", "ByteHash"],
    ),
    refused(Mistake::NeedsCopy, &["NoUninit"]).with(&["bytemuck"], &["ByteEq", "ByteHash"]),
    refused(
        Mistake::Casts,
        &["FromBytes", "FromZeros", "FromZeroes", "TryFromBytes"],
    )
    .with(
        &["zerocopy"],
        &[
            "IntoBytes",
            "KnownLayout",
            "Immutable",
            "Unaligned",
            "ByteEq",
            "ByteHash",
        ],
    ),
    refused(Mistake::Casts, &["RefCast", "RefCastCustom"]).with(&["ref_cast"], &[]),
    // zeroize, thiserror, derivative, derive-where.
    refused(Mistake::NamesEveryField, &["Zeroize", "ZeroizeOnDrop"]).with(&["zeroize"], &[]),
    refused(Mistake::NamesEveryField, &["Error"])
        .with(&["error", "source", "from", "backtrace"], &[]),
    refused(Mistake::NamesEveryFieldAsStd, &["Derivative"]).with(&["derivative"], &[]),
    refused(Mistake::NamesEveryFieldAsStd, &[WHERE_DERIVE, WHERE]).with(&[WHERE], &[]),
];

const OPERATORS: &[&str] = &[
    "add",
    "sub",
    "mul",
    "div",
    "rem",
    "bit_and",
    "bit_or",
    "bit_xor",
    "shl",
    "shr",
    "not",
    "neg",
    "sum",
    "product",
    "add_assign",
    "sub_assign",
    "mul_assign",
    "div_assign",
    "rem_assign",
    "bit_and_assign",
    "bit_or_assign",
    "bit_xor_assign",
    "shl_assign",
    "shr_assign",
];

/// An attribute that looks like a derive, and expands to a derive.
const WHERE: &str = "derive_where";
const WHERE_DERIVE: &str = "DeriveWhere";

/// Derives that are refused only if the path names this crate, because another crate has a derive of the
/// same name that works.
static REFUSED_OF: &[(&str, Refused)] = &[
    (
        "derive_more",
        refused(Mistake::NamesEveryFieldAsStd, &["PartialEq"]),
    ),
    (
        "bytemuck",
        refused(Mistake::NeedsCopy, &["ByteEq", "ByteHash"]),
    ),
];

/// Derives that are accepted if the path names this crate.
const RIGHT_OF: &[(&str, &str)] = &[("derive_more", "Error")];

impl Mistake {
    fn text(self, derive: &Ident, name: &Ident) -> String {
        let a_second =
            format!("`{derive}` would make a second `{name}`, and each thread has exactly one");
        let would_not = format!(
            "`{derive}` cannot work here: its code names every field, and the attribute adds a hidden one"
        );
        let a_part = "derive it on a struct of your own that is a field";
        match self {
            Self::Default => format!(
                "{a_second}; remove it: fields without `#[state(init = …)]` are initialized with their `Default` anyway"
            ),
            Self::Clone => format!(
                "{a_second}; remove it, and clone the fields that you need: \
                 `with_state(|state| state.field.clone())`"
            ),
            Self::Reads => format!(
                "{a_second}; remove it, and derive it on a struct of your own that is a field, or that an \
                 initializer reads: `#[state(init = …)]`"
            ),
            Self::Builds => format!(
                "{a_second}; remove it, and initialize each field with `#[state(init = …)]`, or use \
                 `#[thread_local_state(explicit)]`, with which each thread passes the values to `init_with`"
            ),
            Self::Computes => format!(
                "{a_second}; remove it, and compute with the fields: \
                 `with_state(|state| state.field + 1)`; or {a_part}"
            ),
            Self::Casts => format!("{a_second}; remove it, and {a_part}"),
            Self::NeedsCopy => format!(
                "`{derive}` is for types that are `Copy`, and a copy would be a second `{name}`; remove it, \
                 and {a_part}"
            ),
            Self::NamesEveryField => {
                format!("{would_not}; remove it, and {a_part}, or implement the trait by hand")
            }
            Self::NamesEveryFieldAsStd => format!(
                "{would_not}; remove it, and use a derive of the standard library, for instance \
                 `#[derive(Debug)]`, or implement the trait by hand"
            ),
        }
    }
}

/// Returns the name and the table entry of a derive that is refused.
fn find(derive: &Path) -> Option<(&Ident, &'static Refused)> {
    let (first, name) = (
        &derive.segments.first()?.ident,
        &derive.segments.last()?.ident,
    );
    let mut right = RIGHT_OF.iter();
    if right.any(|(krate, derive)| first == krate && name == derive) {
        return None;
    }
    let of_one = REFUSED_OF.iter().filter(|(krate, _)| first == krate);
    let mut all = of_one.map(|(_, refused)| refused).chain(REFUSED);
    let refused = all.find(|refused| refused.names.iter().any(|it| name == it))?;
    Some((name, refused))
}

/// Reports the derives that would create a second value or cannot work with a hidden field, and removes
/// them with their attributes. Returns stub impls of `Clone` and `Default` in their place, so that uses
/// cause no further errors.
pub(crate) fn reject(
    input: &mut DeriveInput,
    alias: &Ident,
    private: &Ident,
    errors: &mut Errors,
) -> TokenStream {
    let name = input.ident.clone();
    let mut rejected: Vec<(Ident, &Refused)> = Vec::new();
    let mut left: Vec<Ident> = Vec::new();
    input.attrs.retain_mut(|attr| {
        let last = attr.path().segments.last();
        if last.is_some_and(|last| last.ident == WHERE) {
            // Report all `derive_where` attributes as one error.
            let is_first = !rejected.iter().any(|(other, _)| other == WHERE);
            if let Some((derive, refused)) = find(attr.path()).filter(|_| is_first) {
                rejected.push((derive.clone(), refused));
            }
            return false;
        }
        !attr.path().is_ident("derive") || is_left(attr, &mut rejected, &mut left)
    });
    for (derive, refused) in &rejected {
        errors.push(derive.span(), refused.mistake.text(derive, &name));
    }
    let attributes: Vec<&str> = rejected
        .iter()
        .filter(|(_, refused)| {
            !left
                .iter()
                .any(|it| refused.others.iter().any(|other| it == other))
        })
        .flat_map(|(_, refused)| refused.attributes)
        .copied()
        .collect();
    if !attributes.is_empty() {
        remove(&mut input.attrs, &attributes);
        if let Data::Struct(data) = &mut input.data {
            for field in &mut data.fields {
                remove(&mut field.attrs, &attributes);
            }
        }
    }
    let (generics, types, clause) = input.generics.split_for_impl();
    let has = |name: &str| rejected.iter().any(|(derive, _)| derive == name);
    let clone = has("Clone").then(|| {
        quote! {
            impl #generics #alias::#private::std::clone::Clone for #name #types #clause {
                fn clone(&self) -> Self { #alias::#private::stub() }
            }
        }
    });
    let default = has("Default").then(|| {
        quote! {
            impl #generics #alias::#private::std::default::Default for #name #types #clause {
                fn default() -> Self { #alias::#private::stub() }
            }
        }
    });
    quote!(#clone #default)
}

/// Removes the refused derives from an attribute. Returns `true` if other derives remain.
fn is_left(
    attr: &mut Attribute,
    rejected: &mut Vec<(Ident, &'static Refused)>,
    left: &mut Vec<Ident>,
) -> bool {
    let Ok(derives) = attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated) else {
        return true;
    };
    let count = rejected.len();
    let mut others: Vec<Path> = Vec::new();
    for derive in derives {
        if let Some((name, refused)) = find(&derive) {
            rejected.push((name.clone(), refused));
        } else {
            left.extend(derive.segments.last().map(|last| last.ident.clone()));
            others.push(derive);
        }
    }
    if count < rejected.len() {
        if let Ok(list) = attr.meta.require_list() {
            let mut list = list.clone();
            list.tokens = quote!(#(#others),*);
            attr.meta = list.into();
        }
    }
    count == rejected.len() || !others.is_empty()
}

/// Removes the attributes with these names, also within a `cfg_attr`.
fn remove(attrs: &mut Vec<Attribute>, names: &[&str]) {
    attrs.retain_mut(|attr| match without(&attr.meta, names) {
        Some(meta) => {
            attr.meta = meta;
            true
        }
        None => false,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the remaining struct, and the errors.
    fn reject(item: &str) -> (String, Errors) {
        let mut input: DeriveInput = syn::parse_str(item).unwrap();
        let mut errors = Errors::default();
        let (alias, private) = (quote::format_ident!("a"), quote::format_ident!("p"));
        super::reject(&mut input, &alias, &private, &mut errors);
        (quote!(#input).to_string().replace(' ', ""), errors)
    }

    #[test]
    fn each_refused_derive_is_named_and_removed() {
        for name in REFUSED.iter().flat_map(|refused| refused.names) {
            let (left, errors) = reject(&format!(
                "#[derive(Debug, some::{name})] struct Worker {{ jobs: u64 }}"
            ));
            assert_eq!(left, "#[derive(Debug)]structWorker{jobs:u64}", "{name}");
            let errors = errors.into_compile_errors().to_string();
            assert_eq!(errors.matches("compile_error").count(), 1, "{errors}");
            assert!(errors.contains(&format!("`{name}` ")), "{errors}");
            assert!(errors.contains("; remove it"), "{errors}");
        }
    }

    #[test]
    fn no_derive_is_refused_twice() {
        let mut names: Vec<_> = REFUSED.iter().flat_map(|refused| refused.names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn attributes_go_with_the_last_derive_that_knows_them() {
        for (item, expected) in [
            (
                "#[derive(Deserialize)] #[serde(default)] \
                 struct S { #[serde(skip)] #[cfg_attr(x, serde(skip), doc = \"a\")] a: u8 }",
                "structS{#[cfg_attr(x,doc=\"a\")]a:u8}",
            ),
            (
                "#[derive(Deserialize, Serialize)] #[serde(default)] struct S { #[serde(skip)] a: u8 }",
                "#[derive(Serialize)]#[serde(default)]structS{#[serde(skip)]a:u8}",
            ),
            (
                "#[derive(Parser)] #[derive(Serialize)] struct S { #[serde(skip)] #[arg(long)] a: u8 }",
                "#[derive(Serialize)]structS{#[serde(skip)]a:u8}",
            ),
            (
                "#[derive(Parser)] struct S(#[arg(long)] u8);",
                "structS(u8);",
            ),
        ] {
            assert_eq!(reject(item).0, expected);
        }
    }

    #[test]
    fn of_a_name_that_two_crates_have_the_path_may_tell_which_it_is() {
        for (derive, is_refused) in [
            ("thiserror::Error", true),
            ("Error", true),
            ("derive_more::Error", false),
            ("derive_more::PartialEq", true),
            ("PartialEq", false),
            ("std::cmp::PartialEq", false),
            ("bytemuck::ByteEq", true),
            ("zerocopy::ByteEq", false),
            ("::derive_more::PartialEq", true),
        ] {
            let (_, errors) = reject(&format!("#[derive({derive})] struct S {{ a: u8 }}"));
            assert_eq!(!errors.is_empty(), is_refused, "{derive}");
        }
    }

    #[test]
    fn an_attribute_that_looks_like_a_derive_is_one_mistake() {
        let (left, errors) = reject(
            "#[derive_where::derive_where(Debug)] #[derive_where(Hash)] \
             struct S { #[derive_where(skip)] a: u8 }",
        );
        assert_eq!(left, "structS{a:u8}");
        let errors = errors.into_compile_errors().to_string();
        assert_eq!(errors.matches("compile_error").count(), 1, "{errors}");
    }

    #[test]
    fn what_is_not_known_or_cannot_be_read_stays() {
        for item in [
            "#[derive(Debug,Serialize)]structS{#[serde(skip)]a:u8}",
            "#[derive(\"Default\")]structS{a:u8}",
            "#[derive()]structS{a:u8}",
        ] {
            let (left, errors) = reject(&item.replace("struct", "struct "));
            assert_eq!(left, item);
            assert!(errors.is_empty());
        }
    }
}
