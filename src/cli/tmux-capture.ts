import { exitCodes } from './failure.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { printableLines } from './printable.ts';
import { requirePlace, runBesideTmux } from './tmux-place.ts';
import type { Verb } from './verb.ts';

/** Without -u, tmux writes a _ for every sign beyond ASCII. */
const show = 'tmux -u capture-pane -p -t "=$session:"';

/** `coi tmux capture`: what the session shows; what runs inside decides what that is, so nothing in it may steer a terminal. */
export const tmuxCapture: Verb = async ({ io, args: [name = ''] }) => {
  await using incus = await openOwnIncus(io);
  const place = await requirePlace(io, incus, name);
  io.stdout.write(printableLines(await runBesideTmux(incus, place, { script: show, signal: io.signal })));
  return exitCodes.done;
};
