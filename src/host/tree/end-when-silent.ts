import type { Clock } from '../../base/clock.ts';
import type { Channel } from '../incus/sftp/channel.ts';

/** Without a reply for so long, in milliseconds, while some are expected, a sandbox's files are given up. */
const silenceMs = 60_000;

/** Ends a connection on which nothing comes back any more: what runs in a sandbox could hold up its files for ever. */
export function endWhenSilent(channel: Channel, clock: Clock): Disposable {
  let seen = channel.replies;
  const look = () => {
    if (channel.pending > 0 && channel.replies === seen) return channel[Symbol.dispose]();
    seen = channel.replies;
    timer = clock.after(silenceMs, look);
  };
  let timer = clock.after(silenceMs, look);
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
