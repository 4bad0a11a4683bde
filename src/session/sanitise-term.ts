/** Terminals whose description most images lack; what they can do is close enough to xterm's. */
const unknownInside = ['xterm-ghostty', 'wezterm', 'alacritty', 'kitty', 'tmux-256color', 'screen-256color'];

/**
 * TERM as it is set inside. Names of terminals that an image may not describe become one that every image does, names
 * with other signs than a terminal's have too: a terminfo name is a file name.
 */
export function sanitiseTerm(term: string | undefined): string {
  const isName = term !== undefined && /^[A-Za-z0-9][A-Za-z0-9+._-]{0,63}$/.test(term);
  const isKnown = isName && !unknownInside.some((prefix) => term.startsWith(prefix));
  return isKnown ? term : 'xterm-256color';
}
