import { ulid } from 'ulid';
import { exitCodes } from './failure.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { requirePlace, runBesideTmux } from './tmux-place.ts';
import type { Verb } from './verb.ts';

/**
 * The text comes by standard input: as an argument of `send-keys` a `;` at its end would begin another command, and one of
 * more than 16 KiB is refused. It is a paste, which whoever asked for that gets in brackets: then neither a tab nor an end of
 * line in it does anything before the Enter behind it. Whoever looks at older lines is taken back first.
 *
 * @see tmux(1), "paste-buffer"
 */
const type = `
target="=$session:"
tmux copy-mode -q -t "$target" </dev/null 2>/dev/null
if [ "$2" = text ]; then
  tmux load-buffer -b "$1" - && tmux paste-buffer -d -p -r -b "$1" -t "$target" || exit 1
fi
tmux send-keys -t "$target" Enter
`;

/** `coi tmux send`: type a text as it is, and Enter. */
export const tmuxSend: Verb = async ({ io, args: [name = '', text = ''] }) => {
  await using incus = await openOwnIncus(io);
  const place = await requirePlace(io, incus, name);
  // tmux keeps no empty buffer.
  const words = [`coi-${ulid()}`, text === '' ? 'enter' : 'text'];
  await runBesideTmux(incus, place, { script: type, args: words, stdin: text, signal: io.signal });
  return exitCodes.done;
};
