import type { BlockPolicy } from '../../network/xfrm-policies.ts';

/** A policy as the kernel keeps it. */
export interface ListedPolicy extends BlockPolicy {
  /** The kernel's number of the policy within its direction. */
  readonly index: number;
}

/**
 * Policies for forwarded and incoming packets that carry a mark and name no device, in what `ip -s xfrm policy list` printed; its JSON form
 * is the same text. Others are passed over.
 * @see ip-xfrm(8)
 */
export function parsePolicies(text: string): ListedPolicy[] {
  return text.split(/^(?=src )/m).flatMap((entry) => parsePolicy(entry) ?? []);
}

function parsePolicy(entry: string): ListedPolicy | undefined {
  const selector = /^src (\S+) dst (\S+) uid /m.exec(entry);
  const rule = /^\s+dir (fwd|in) (?:action (\w+) )?index (\d+) priority (\d+) /m.exec(entry);
  const mark = /^\s+mark (\S+)\/(\S+) /m.exec(entry);
  if (!selector || !rule || !mark) return undefined;
  return {
    source: selector[1]!,
    destination: selector[2]!,
    direction: rule[1] as 'fwd' | 'in',
    action: rule[2] === 'block' ? 'block' : 'allow',
    index: Number(rule[3]),
    priority: Number(rule[4]),
    mark: `${Number(mark[1])}/${mark[2]}`,
  };
}
