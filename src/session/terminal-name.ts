/** Terminals that programs inside need not know: what they are like is known everywhere. */
const unknownInside = /^(?:xterm-ghostty|wezterm|alacritty|kitty|tmux-256color|screen-256color)/;

/** The TERM for what runs inside, from the one outside. */
export function terminalName(outside: string | undefined): string {
  return !outside || unknownInside.test(outside) ? 'xterm-256color' : outside;
}
