//! Text of an expression to tokens.

use super::EXPRESSION_BYTES_MAX;
use super::fault::Fault;

/// What a token is; its text is in the expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare name or function name.
    Word,
    /// One of `KEYWORDS`, in any case.
    Keyword,
    /// `#name`
    NameRef,
    /// `:value`
    ValueRef,
    /// Digits.
    Integer,
    /// `=`, `<`, `(`, …
    Symbol,
    /// Behind the last token.
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    start: usize,
    end: usize,
}

const END_TEXT: &str = "<EOF>";
const LONG_SYMBOLS: [&str; 3] = ["<>", "<=", ">="];
/// Words with a meaning of their own in expressions of every kind; they are never names.
const KEYWORDS: [&str; 9] = ["ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET"];

/// Splits `text`; the last token is `End`.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(Fault::syntax(format!(
            "Expression size has exceeded the maximum allowed size; expression size: {}",
            text.len()
        )));
    }
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    let mut at = 0;
    while let Some((skipped, first)) = next_char(&text[at..]) {
        let start = at + skipped;
        let (kind, length) = token_at(&text[start..], first);
        let token = Token { kind, text: &text[start..start + length], start, end: start + length };
        tokens.push(token);
        at = start + length;
        // A character that begins no token is reported where the parser meets it, as DynamoDB does.
    }
    let end = tokens.last().map_or(0, |token| token.end);
    tokens.push(Token { kind: Kind::End, text: END_TEXT, start: end, end });
    Ok(tokens)
}

/// The next character that is no space, and how many bytes stand before it.
fn next_char(text: &str) -> Option<(usize, char)> {
    text.char_indices().find(|(_, c)| !matches!(c, ' ' | '\t' | '\r' | '\n'))
}

fn token_at(text: &str, first: char) -> (Kind, usize) {
    let word_bytes = |text: &str| {
        text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
    };
    match first {
        'a'..='z' | 'A'..='Z' => {
            let word = &text[..word_bytes(text)];
            let keyword = KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(word));
            let kind = if keyword { Kind::Keyword } else { Kind::Word };
            (kind, word.len())
        }
        // Numbers have no leading zeros.
        '0' => (Kind::Integer, 1),
        '1'..='9' => (Kind::Integer, text.bytes().take_while(u8::is_ascii_digit).count()),
        '#' | ':' if word_bytes(&text[1..]) > 0 => {
            let kind = if first == '#' { Kind::NameRef } else { Kind::ValueRef };
            (kind, 1 + word_bytes(&text[1..]))
        }
        _ if LONG_SYMBOLS.iter().any(|symbol| text.starts_with(symbol)) => (Kind::Symbol, 2),
        _ => (Kind::Symbol, first.len_utf8()),
    }
}

impl Token<'_> {
    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        self.kind == Kind::Keyword && self.text.eq_ignore_ascii_case(keyword)
    }
}

/// DynamoDB's complaint about token `at`: the token, and the text from its left to its right
/// neighbour.
pub(super) fn syntax_error(text: &str, tokens: &[Token<'_>], at: usize) -> Fault {
    let token = &tokens[at];
    let near = neighbourhood(text, tokens, at);
    Fault::syntax(format!("Syntax error; token: \"{}\", near: \"{near}\"", token.text))
}

fn neighbourhood<'a>(text: &'a str, tokens: &[Token<'_>], at: usize) -> &'a str {
    let start = tokens[at.saturating_sub(1)].start;
    let end = tokens[(at + 1).min(tokens.len() - 1)].end;
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).unwrap().iter().map(|token| token.text).collect()
    }

    #[test]
    fn tokens_are_told_apart() {
        assert_eq!(
            texts("a.b[12]<>:v1 AND(#n_2<=x)"),
            [
                "a", ".", "b", "[", "12", "]", "<>", ":v1", "AND", "(", "#n_2", "<=", "x", ")",
                "<EOF>"
            ]
        );
        assert_eq!(texts(" \t\r\n "), ["<EOF>"]);
        assert_eq!(texts("a§b"), ["a", "§", "b", "<EOF>"]);
        assert_eq!(texts("# :"), ["#", ":", "<EOF>"]);
    }

    #[test]
    fn keywords_ignore_case() {
        let tokens = tokens("bEtWeEn").unwrap();
        assert!(tokens[0].is_keyword("BETWEEN"));
        assert!(!tokens[0].is_symbol("BETWEEN"));
    }

    #[test]
    fn syntax_errors_show_the_neighbours() {
        let text = "foo  bar  baz";
        let fault = syntax_error(text, &tokens(text).unwrap(), 1);
        let expected = "Syntax error; token: \"bar\", near: \"foo  bar  baz\"";
        assert_eq!(fault.message(), expected);
        let fault = syntax_error(text, &tokens(text).unwrap(), 3);
        assert_eq!(fault.message(), "Syntax error; token: \"<EOF>\", near: \"baz\"");
    }

    #[test]
    fn long_expressions_are_refused() {
        assert!(tokens(&"a".repeat(EXPRESSION_BYTES_MAX)).is_ok());
        let fault = tokens(&"a".repeat(EXPRESSION_BYTES_MAX + 1)).unwrap_err();
        assert!(fault.message().ends_with("expression size: 4097"));
    }
}
