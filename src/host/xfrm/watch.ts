import { watchLines, type LineWatch } from '../link/watch-lines.ts';

/** Keeps `ip xfrm monitor policy` running until the signal aborts, and hints at every change. See ip-xfrm(8). */
export function watchBlockPolicies(watch: LineWatch): Promise<void> {
  return watchLines(['ip', 'xfrm', 'monitor', 'policy'], watch);
}
