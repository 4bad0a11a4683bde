import { expect, it } from 'vitest';
import { sanitiseTerm } from '../../src/session/sanitise-term.ts';

it.each([
  [undefined, 'xterm-256color'],
  ['', 'xterm-256color'],
  ['xterm-ghostty', 'xterm-256color'],
  ['wezterm', 'xterm-256color'],
  ['alacritty-direct', 'xterm-256color'],
  ['xterm-kitty', 'xterm-kitty'],
  ['kitty', 'xterm-256color'],
  ['tmux-256color', 'xterm-256color'],
  ['screen-256color-bce', 'xterm-256color'],
  ['screen', 'screen'],
  ['xterm', 'xterm'],
  ['../../etc/passwd', 'xterm-256color'],
  ['x"; id; "', 'xterm-256color'],
  ['a\nb', 'xterm-256color'],
])('TERM=%j is %s inside', (term, inside) => {
  expect(sanitiseTerm(term)).toBe(inside);
});
