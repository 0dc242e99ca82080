//! Prints all of every type.
//!
//! The crate that prints rustdoc's descriptions leaves out the generic arguments of an associated type
//! (`<S as State>::Output<R>` becomes `<S as State>::Output`) and the defaults of generic parameters. So
//! [`describe`] puts them, before it reads a description, into places that it does print, with marks around
//! them, and [`print`] takes the marks out of the text.

use serde_json::{Map, Value, json};

/// Begins an associated type with arguments: `BEGIN<TYPE, ARGUMENTS<…>, END>`.
const BEGIN: &str = "\u{e000}";
const ARGUMENTS: &str = "\u{e001}";
const END: &str = "\u{e002}";
/// Begins the default of a type parameter, a bound: `DEFAULT<TYPE, END>`.
const DEFAULT: &str = "\u{e003}";
/// Begins the default of a constant parameter, an associated type of its type.
const VALUE: &str = "\u{e004}";

/// Moves what would be left out of a description to where it is printed.
pub(crate) fn describe(description: &mut Value) {
    match description {
        Value::Array(values) => values.iter_mut().for_each(describe),
        Value::Object(object) => {
            object.values_mut().for_each(describe);
            associated_type(object);
            parameter(object);
        }
        _ => {}
    }
}

/// Takes the marks out of a printed line.
pub(crate) fn print(line: &str) -> String {
    line.replace(&format!("{BEGIN}<"), "")
        .replace(&format!(", {ARGUMENTS}"), "")
        .replace(&format!(", {END}>"), "")
        .replace(&format!(": {DEFAULT}<"), " = ")
        .replace(&format!(" + {DEFAULT}<"), " = ")
        .replace(&format!("::{VALUE}"), " = ")
}

fn associated_type(object: &mut Map<String, Value>) {
    let Some(path) = object.get("qualified_path") else {
        return;
    };
    let arguments = &path["args"];
    let is_empty = |list: &str| {
        let list = arguments["angle_bracketed"][list].as_array();
        list.is_some_and(Vec::is_empty)
    };
    if arguments.is_null() || (is_empty("args") && is_empty("constraints")) {
        return;
    }
    let marked = marked(
        BEGIN,
        &json!({ "qualified_path": path }),
        &[
            json!({ "name": ARGUMENTS, "args": arguments, "binding": { "constraint": [] } }),
            end(),
        ],
    );
    object.remove("qualified_path");
    object.insert("resolved_path".into(), marked);
}

fn parameter(object: &mut Map<String, Value>) {
    if let Some(Value::Object(parameter)) = object.get_mut("type")
        && let Some(default @ Value::Object(_)) = parameter.get("default")
    {
        let path = marked(DEFAULT, default, &[end()]);
        let bound = json!({ "trait_bound": {
            "trait": path, "generic_params": [], "modifier": "none",
        } });
        if let Some(Value::Array(bounds)) = parameter.get_mut("bounds") {
            bounds.push(bound);
        }
    }
    if let Some(Value::Object(parameter)) = object.get_mut("const")
        && let Some(Value::String(default)) = parameter.get("default")
    {
        let name = format!("{VALUE}{default}");
        let type_ = parameter.get("type").cloned();
        let marked = json!({ "qualified_path": {
            "name": name, "args": null, "self_type": type_, "trait": null,
        } });
        parameter.insert("type".into(), marked);
    }
}

/// A path with a mark for a name, and a type and what follows it for arguments.
fn marked(mark: &str, type_: &Value, constraints: &[Value]) -> Value {
    json!({
        "path": mark,
        // Nothing's: then the name is printed as it is.
        "id": u32::MAX,
        "args": { "angle_bracketed": { "args": [{ "type": type_ }], "constraints": constraints } },
    })
}

fn end() -> Value {
    json!({ "name": END, "args": null, "binding": { "constraint": [] } })
}
