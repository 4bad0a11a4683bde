import { marks, renderMark } from './marks.ts';

/** Name of the table that {@link holdTable} describes. */
export const holdName = 'coi_hold';

/**
 * Commands for `nft -i`: a table that belongs to whoever made it, which a flush of others leaves alone and which is gone
 * with its owner. It lets no frame of a sandbox's port onto the bridge that the bridge table has not vouched for,
 * so that while that table is missing nothing at all comes from sandboxes: neither forged sources nor multicast, which the
 * kernel's block policies cannot tell from others'. Behind `guard`, whose priority is -300.
 *
 * @see nft(8), "flags owner"; Linux 5.12
 */
export const holdTable = [
  `add table bridge ${holdName} { flags owner; }`,
  `add chain bridge ${holdName} unvouched { type filter hook prerouting priority -290; policy accept; }`,
  `add rule bridge ${holdName} unvouched iifname "coi*" meta mark & ${renderMark(marks.identity)} == 0 drop`,
  '',
].join('\n');
