import { Problem } from '../../base/problem.ts';
import type { Bridge, Endpoint } from '../../network/policy.ts';
import { blockPolicies, ourMark } from '../../network/xfrm-policies.ts';
import type { BlockPolicy } from '../../network/xfrm-policies.ts';
import { runInNetwork } from '../link/in-network.ts';
import type { NetworkScope } from '../link/in-network.ts';
import { parsePolicies } from './listing.ts';
import type { ListedPolicy } from './listing.ts';

interface Asking extends NetworkScope {
  readonly signal?: AbortSignal | undefined;
}

/** What a call needs: the bridge that is guarded, who sits there, and where. */
export interface XfrmCall extends Asking {
  readonly bridge: Bridge;
  /** Where sandboxes sit; needed on a shared bridge. Asked for after looking: what was added before is then among them. */
  readonly endpoints?: () => Iterable<Endpoint>;
}

/** How the policies differ from those that the bridge needs. Nothing to do when both lists are empty. */
export interface XfrmDifference {
  readonly missing: readonly BlockPolicy[];
  /** Policies with our mark that no longer belong to the bridge, for example after its prefix changed. */
  readonly stale: readonly ListedPolicy[];
}

/**
 * Looks at the kernel's block policies. Only policies with our mark are ours; those of IPsec daemons have none of it.
 *
 * @throws Problem `xfrm.permission`, `xfrm.failed`
 */
export async function observeBlockPolicies(call: XfrmCall): Promise<XfrmDifference> {
  const linkLocal = await linkLocalOf(call);
  const found = new Map((await listBlockPolicies(call)).map((policy) => [idOf(policy), policy]));
  const policies = blockPolicies(call.bridge, { linkLocal, endpoints: call.endpoints?.() });
  const wanted = new Map(policies.map((policy) => [idOf(policy), policy]));
  return {
    missing: [...wanted].filter(([id]) => !found.has(id)).map(([, policy]) => policy),
    stale: [...found].filter(([id]) => !wanted.has(id)).map(([, policy]) => policy),
  };
}

/** Link-local address of the bridge; undefined while it has none, for example before it is up. */
async function linkLocalOf({ bridge, ...call }: XfrmCall): Promise<string | undefined> {
  if (bridge.ipv6 === undefined || bridge.shared) return undefined;
  const text = await ip(['-j', '-6', 'addr', 'show', 'dev', bridge.name, 'scope', 'link'], '', call);
  const links = JSON.parse(text || '[]') as { addr_info?: { local?: string }[] }[];
  return links.flatMap(({ addr_info }) => addr_info ?? []).find(({ local }) => local !== undefined)?.local;
}

/** Every policy of ours, whatever bridge it was made for. */
export async function listBlockPolicies(call: Asking): Promise<ListedPolicy[]> {
  const listing = await ip(['-s', 'xfrm', 'policy', 'list'], '', call);
  return parsePolicies(listing).filter(({ mark }) => mark === ourMark);
}

/** Adds what is missing, then removes what is stale; says what it did. */
export async function convergeBlockPolicies(call: XfrmCall): Promise<XfrmDifference> {
  const difference = await observeBlockPolicies(call);
  await change('add', difference.missing, call);
  await remove(difference.stale, call);
  return difference;
}

/**
 * Makes sure that packets of one sandbox on a shared bridge are blocked before it sends any; nothing to do on one of coi's
 * own. What is there already is replaced by the same.
 */
export async function ensureBlocked(endpoint: Endpoint, call: Omit<XfrmCall, 'endpoints'>): Promise<void> {
  if (!call.bridge.shared) return;
  await change('update', blockPolicies(call.bridge, { endpoints: [endpoint] }), call);
}

/** Takes every policy of ours away. */
export async function removeBlockPolicies(call: Partial<XfrmCall>): Promise<void> {
  await remove(await listBlockPolicies(call), call);
}

async function change(verb: 'add' | 'update', policies: readonly BlockPolicy[], call: Asking): Promise<void> {
  if (policies.length === 0) return;
  await ip(['-batch', '-'], `${policies.map((policy) => render(verb, policy)).join('\n')}\n`, call);
}

/**
 * Removes by number, because ip leaves a mark of value 0 out of a plain `delete` and then finds nothing. One run each,
 * because ip keeps the selector of a `deleteall` for the following lines of a batch.
 */
async function remove(policies: readonly ListedPolicy[], call: Asking): Promise<void> {
  for (const policy of policies) {
    await ip(['xfrm', 'policy', 'deleteall', ...selector(policy), 'index', String(policy.index)], '', call);
  }
}

function idOf({ action, source, destination, direction, mark, priority }: BlockPolicy): string {
  return [action, source, destination, direction, mark, priority].join(' ');
}

function render(verb: string, policy: BlockPolicy): string {
  const [value, mask] = policy.mark.split('/');
  const { action, priority } = policy;
  const rest = ['mark', value, 'mask', mask, 'action', action, 'priority', priority];
  return ['xfrm', 'policy', verb, ...selector(policy), ...rest].join(' ');
}

function selector({ source, destination, direction }: BlockPolicy): string[] {
  return ['src', source, 'dst', destination, 'dir', direction];
}

async function ip(args: readonly string[], input: string, call: Asking): Promise<string> {
  const { code, stdout, stderr } = await runInNetwork({ ...call, command: ['ip', ...args], input });
  if (code === 0) return stdout;
  const detail = stderr.split('\n')[0]?.trim() || `exit code ${code}`;
  if (/not permitted|Permission denied/.test(stderr)) {
    throw new Problem({
      code: 'xfrm.permission',
      message: `ip may not touch the kernel's transformation policies: ${detail}`,
      hint: 'Run coi as root, or give it the capability CAP_NET_ADMIN.',
    });
  }
  throw new Problem({
    code: 'xfrm.failed',
    message: `"ip ${args.join(' ')}" failed: ${detail}`,
    hint: 'The kernel needs CONFIG_XFRM_USER: load the module xfrm_user.',
    retry: 'backoff',
  });
}
