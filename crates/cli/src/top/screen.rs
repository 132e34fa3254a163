//! The terminal while `top` draws on it: a screen of its own, which goes when it is dropped.

use std::io::{self, Write};

/// The other screen, and no cursor on it.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// The cursor again, and what was there before.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// A screen to draw on.
#[derive(Debug)]
pub(super) struct Screen<W: Write>(W);

impl<W: Write> Screen<W> {
    pub(super) fn enter(mut terminal: W) -> io::Result<Self> {
        terminal.write_all(ENTER.as_bytes())?;
        terminal.flush()?;
        Ok(Self(terminal))
    }

    /// Draws all lines over what was there, in one piece, so that nothing flickers.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = String::from("\x1b[H");
        for (index, line) in lines.iter().enumerate() {
            let end = if index + 1 == lines.len() { "" } else { "\r\n" };
            text.push_str(&format!("{line}\x1b[K{end}"));
        }
        text.push_str("\x1b[J");
        self.0.write_all(text.as_bytes())?;
        self.0.flush()
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = self.0.write_all(LEAVE.as_bytes()).and_then(|()| self.0.flush());
    }
}

/// Lines and columns of the terminal.
pub(super) fn size() -> (usize, usize) {
    let (lines, columns) = console::Term::stdout().size();
    (usize::from(lines).max(1), usize::from(columns).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_is_given_back() {
        let mut terminal = Vec::new();
        let mut screen = Screen::enter(&mut terminal).unwrap();
        screen.draw(&["one".into(), "two".into()]).unwrap();
        drop(screen);
        let text = String::from_utf8(terminal).unwrap();
        assert_eq!(text, format!("{ENTER}\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J{LEAVE}"));
    }
}
