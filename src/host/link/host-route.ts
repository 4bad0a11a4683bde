import type { HostRoute } from '../../network/ovn-route.ts';
import { routeCommand } from '../../network/ovn-route.ts';
import { runInNetwork } from './in-network.ts';
import type { LinkCall } from './links.ts';

/** What became of a route: it was there, it is now, or it could not be made and why. */
export type RouteOutcome =
  | { readonly kind: 'present' | 'added' }
  /** `command` is what a person can try. */
  | { readonly kind: 'failed'; readonly command: string; readonly detail: string };

/** Makes a route unless there is one to exactly that destination, by whatever way: then somebody chose it. */
export async function ensureRoute(route: HostRoute, call: LinkCall): Promise<RouteOutcome> {
  const { family, destination } = route;
  const show = ['ip', `-${family}`, '-j', 'route', 'show', 'exact', destination] as const;
  const shown = await runInNetwork({ ...call, command: [...show] });
  if (shown.code === 0 && (JSON.parse(shown.stdout || '[]') as unknown[]).length > 0) return { kind: 'present' };
  const command = routeCommand(route);
  const { code, stderr } = await runInNetwork({ ...call, command });
  if (code === 0) return { kind: 'added' };
  return { kind: 'failed', command: command.join(' '), detail: stderr.split('\n')[0]?.trim() ?? '' };
}
