//! Rules for manifests: each dependency has its reason above it.

/// A dependency from outside has a comment directly above that says what it is for.
pub fn reasons(path: &str, text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    let mut is_dependencies = false;
    let mut above = "";
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            is_dependencies = table.ends_with("dependencies");
            // A dependency as a table of its own.
            if table.contains("dependencies.") && !above.starts_with("# ") {
                offences.push(format!("{path}:{number}: say what {table} is for"));
            }
        } else if is_dependencies && !above.starts_with("# ") {
            let name = line.split(['=', ' ', '.']).next().unwrap_or("");
            let is_inside = line.contains("path =") || line.contains("workspace = true");
            let is_start = line.starts_with(|one: char| one.is_ascii_alphanumeric() || one == '"');
            if is_start && line.contains('=') && !is_inside {
                offences.push(format!("{path}:{number}: say what {name} is for"));
            }
        }
        above = line;
    }
    offences
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let check = |text: &str, expect: usize| {
        assert_eq!(reasons("Cargo.toml", text).len(), expect, "{text}");
    };
    check("[dependencies]\n# For a.\na = \"1\"\n", 0);
    check("[dependencies]\na = \"1\"\n", 1);
    check("[dependencies]\n# For a and b.\na = \"1\"\nb = \"1\"\n", 1);
    check("[dev-dependencies]\n\na = { version = \"1\" }\n", 1);
    check("[target.'cfg(unix)'.dependencies]\na = \"1\"\n", 1);
    check("[dependencies]\na = { path = \"..\" }\n", 0);
    check("[dependencies]\na.workspace = true\n", 0);
    check("[dependencies.a]\nversion = \"1\"\n", 1);
    check("# For a.\n[dependencies.a]\nversion = \"1\"\n", 0);
    check("[package]\nname = \"a\"\n", 0);
}
