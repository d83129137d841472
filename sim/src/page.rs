//! A report as one file: markup, styles, scripts and data, with nothing to fetch.
//!
//! The parts are real files in `sim/page`, put together here. Data comes last and is escaped so that no
//! text in it can end the element it is in.

use serde_json::Value;

const TEMPLATE: &str = include_str!("../page/page.html");

const STYLES: [&str; 6] = [
    include_str!("../page/vendor/uPlot.min.css"),
    include_str!("../page/css/base.css"),
    include_str!("../page/css/layout.css"),
    include_str!("../page/css/overview.css"),
    include_str!("../page/css/travel.css"),
    include_str!("../page/css/lanes.css"),
];

const LIBRARIES: [&str; 2] = [
    include_str!("../page/vendor/htm-preact.umd.js"),
    include_str!("../page/vendor/uPlot.iife.min.js"),
];

/// In the order in which one needs the other.
const SCRIPTS: [&str; 15] = [
    include_str!("../page/js/data.js"),
    include_str!("../page/js/theme.js"),
    include_str!("../page/js/route.js"),
    include_str!("../page/js/state.js"),
    include_str!("../page/js/step.js"),
    include_str!("../page/js/align.js"),
    include_str!("../page/js/spans.js"),
    include_str!("../page/js/disk.js"),
    include_str!("../page/js/lanes.js"),
    include_str!("../page/js/log.js"),
    include_str!("../page/js/failure.js"),
    include_str!("../page/js/plots.js"),
    include_str!("../page/js/fired.js"),
    include_str!("../page/js/overview.js"),
    include_str!("../page/js/main.js"),
];

/// The page for this data.
pub fn page(title: &str, data: &Value) -> String {
    let mut page = String::new();
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("the template is fixed");
        page.push_str(before);
        page.push_str(&match name {
            "title" => text(title),
            "styles" => STYLES.join("\n"),
            "libraries" => LIBRARIES.join("\n"),
            "scripts" => SCRIPTS.join("\n"),
            "data" => script_data(data),
            other => unreachable!("the template has no `{other}`"),
        });
        rest = after;
    }
    page.push_str(rest);
    page
}

/// Text between tags.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// JSON within a script element, which ends at `</script` whatever is around it.
// Source: HTML, 4.12.1.3, restrictions for contents of script elements: `<!--` and `</script`.
fn script_data(data: &Value) -> String {
    data.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_element_that_it_is_in() {
        let evil = "</script><script>alert(1)</script><!-- {{data}} </title>";
        let data = serde_json::json!({ "story": evil });
        let page = page(evil, &data);
        assert!(!page.contains("alert(1)</script>"));
        let element = r#"<script type="application/json" id="data">"#;
        let (_, after) = page.split_once(element).expect("the data");
        let (json, _) = after.split_once("</script>").expect("its end");
        assert!(!json.contains('<'));
        let again: Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(again, data);
    }

    #[test]
    fn nothing_is_fetched() {
        let page = page("a report", &Value::Null);
        let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
        assert!(page.contains(policy));
        for way in [" src=", "<link", "@import", "url(", "import(", "fetch("] {
            assert!(!page.contains(way), "{way}");
        }
    }

    #[test]
    fn parts_are_short_and_begin_with_their_idea() {
        for part in STYLES[1..].iter().chain(&SCRIPTS) {
            assert!(part.starts_with("// ") || part.starts_with("/* "), "{part}");
            assert!(part.lines().count() < 300, "{}", part.lines().count());
        }
    }

    #[test]
    fn no_part_ends_its_element() {
        for part in LIBRARIES.iter().chain(&SCRIPTS) {
            assert!(!part.contains("</script") && !part.contains("<!--"));
        }
        for part in STYLES {
            assert!(!part.contains("</style"));
        }
    }
}
