import type { DirectRule } from '../../network/original/direct-rules.ts';
import { callFirewalld } from './busctl.ts';

const chain = ['ipv4', 'filter', 'FORWARD'] as const;

/** Direct rules of `ipv4 filter FORWARD` that are in force. See firewalld.dbus(5), `getRules`. */
export async function listDirectRules(signal: AbortSignal): Promise<DirectRule[]> {
  const reply = await callFirewalld({ interface: 'direct', method: 'getRules', args: ['sss', ...chain], signal });
  const [rules = []] = (reply ?? []) as [[number, string[]][]?];
  return rules.map(([priority, args]) => ({ priority, args }));
}

/**
 * Takes one direct rule out: firewalld finds it by its priority and all of its words. It has no call that takes out several
 * but one that takes out all, others' too; one takes it some 20 ms with 2,000 rules.
 */
export async function removeDirectRule({ priority, args }: DirectRule, signal: AbortSignal): Promise<void> {
  const words = ['sssias', ...chain, String(priority), String(args.length), ...args];
  await callFirewalld({ interface: 'direct', method: 'removeRule', args: words, signal });
}
