import { watchLines, type LineWatch } from './watch-lines.ts';

/** Keeps `ip monitor link` running until the signal aborts, and hints whenever a link came, went or changed. */
export function watchLinks(watch: LineWatch): Promise<void> {
  return watchLines(['ip', '-j', 'monitor', 'link'], watch);
}

/** The same for addresses: the bridge gets its link-local one with the first sandbox on it. */
export function watchAddresses(watch: LineWatch): Promise<void> {
  return watchLines(['ip', '-j', 'monitor', 'address'], watch);
}
