import { renderAddress } from './address.ts';
import { webPorts } from './allow-entry.ts';
import type { Destination } from './destination.ts';
import type { TimedSet } from './timed-elements.ts';

/** What a sandbox's elements of the timed sets let through. Keys begin with the sandbox's own address. */
export function ledTo(
  elements: readonly { readonly set: TimedSet; readonly key: string }[],
): (to: Destination) => boolean {
  const open = new Set(elements.flatMap(opened));
  return ({ address, proto, port }) => open.has(`${renderAddress(address)} ${proto} ${port}`);
}

function opened({ set, key }: { readonly set: TimedSet; readonly key: string }): string[] {
  const [, to, proto, port] = key.split(' . ');
  if (set === 'port4' || set === 'port6') return [`${to} ${proto} ${port}`];
  return webPorts.map((each) => `${to} ${each.proto} ${each.port}`);
}
