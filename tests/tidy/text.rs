//! A file's code without its comments and literals, so that rules look at code alone.
//!
//! It is no parser: it knows comments, strings, raw strings and characters. Line numbers stay.

/// The text with comments and the contents of literals blanked.
pub fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal(rest, code.chars().next_back());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (blanked, behind) = rest.split_at(length);
        code.extend(
            blanked
                .chars()
                .map(|one| if one == '\n' { '\n' } else { ' ' }),
        );
        rest = behind;
    }
    code
}

/// The code before the test module at the end of the file. Test files have none.
pub fn without_tests(path: &str, text: &str) -> String {
    let code = code(text);
    if path
        .split('/')
        .any(|part| part == "tests" || part == "benches")
    {
        return String::new();
    }
    match code.find("#[cfg(test)]\nmod ") {
        Some(tests) => code[..tests].to_owned(),
        None => code,
    }
}

/// The identifiers of code with the numbers of their lines.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = (1..).zip(code.lines());
    numbered.flat_map(|(number, line)| {
        let words = line.split(|one: char| !one.is_alphanumeric() && one != '_');
        words
            .filter(|word| !word.is_empty())
            .map(move |word| (number, word))
    })
}

/// The length of the comment or literal that `rest` begins with; 0 where it begins with code.
fn literal(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    let in_word = before.is_some_and(|one| one.is_alphanumeric() || one == '_');
    if rest.starts_with('r') && (!in_word || before == Some('b')) {
        let hashes = rest[1..].chars().take_while(|one| *one == '#').count();
        if rest[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = 2 + hashes;
            let found = rest[body..].find(&end);
            return found.map_or(rest.len(), |at| body + at + end.len());
        }
    }
    // A lifetime has no closing quote right behind its first character.
    let mut ahead = rest.chars();
    if ahead.next() == Some('\'') {
        let one = ahead.next();
        if one == Some('\\') || (one.is_some() && ahead.next() == Some('\'')) {
            return quoted(rest, '\'');
        }
    }
    0
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, one) in rest.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if one == '\\' {
            is_escaped = true;
        } else if one == quote {
            return at + quote.len_utf8();
        }
    }
    rest.len()
}

#[test]
fn comments_and_literals_are_no_code() {
    let check = |text: &str, expect: &str| {
        let words: Vec<_> = code(text).split_whitespace().map(str::to_owned).collect();
        assert_eq!(words.join(" "), expect, "{text}");
    };
    check("a // b\nc", "a c");
    check("/* a\nb */ c", "c");
    check(r#"a("b \" c", 'd', '\'') e"#, "a( , , ) e");
    check("a(r#\"b \" c\"#, br\"d\") e", "a( , b ) e");
    check("fn a<'b>(c: &'b d)", "fn a<'b>(c: &'b d)");
    check("for x in y", "for x in y");
    assert_eq!(code("\"a\nb\"\n").lines().count(), 2);
}

#[test]
fn a_test_module_is_cut_off() {
    let text = "a\n#[cfg(test)]\nmod tests { b }";
    assert_eq!(without_tests("src/x.rs", text), "a\n");
    assert_eq!(without_tests("tests/x.rs", "a"), "");
}
