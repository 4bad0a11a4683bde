import type { DirectRule } from '../../network/original/direct-rules.ts';
import { callIfThere } from '../firewalld/bus.ts';

const chain = ['ipv4', 'filter', 'FORWARD'] as const;
/** With 100,000 rules firewalld takes its time, in seconds. */
const patience = 60;

/** Direct rules of `ipv4 filter FORWARD` that are in force. See firewalld.dbus(5), `getRules`. */
export async function listDirectRules(signal: AbortSignal): Promise<DirectRule[]> {
  const reply = await callIfThere({
    interface: 'direct',
    method: 'getRules',
    signature: 'sss',
    args: [...chain],
    patience,
    signal,
  });
  const [rules = []] = (reply ?? []) as [[number, string[]][]?];
  return rules.map(([priority, args]) => ({ priority, args }));
}

/**
 * Takes one direct rule out: firewalld finds it by its priority and all of its words. It has no call that takes out several
 * but one that takes out all, others' too; one takes it some 20 ms with 2,000 rules.
 */
export async function removeDirectRule({ priority, args }: DirectRule, signal: AbortSignal): Promise<void> {
  const words = [...chain, String(priority), String(args.length), ...args];
  const call = { interface: 'direct', method: 'removeRule', signature: 'sssias' } as const;
  await callIfThere({ ...call, args: words, patience, signal });
}
