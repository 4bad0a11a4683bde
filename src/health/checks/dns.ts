import { Resolver } from 'node:dns/promises';
import { usualDomains } from '../../spec/agent-hosts.ts';
import { ok, warning, type Finding, type HealthCheck } from '../check.ts';

/** Longest wait for each name server, in milliseconds. */
const timeoutMs = 2_000;

/** Whether this host's name servers know the hosts that agents talk to. */
export const dnsCheck: HealthCheck = {
  name: 'dns_resolution',
  group: 'OPTIONAL',
  isExtra: true,
  look: async ({ signal }) => {
    const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await judgeNames(usualDomains(), (name) => resolver.resolve4(name));
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  },
};

/** Which of the names resolve. @param resolve its errors mean that a name does not */
export async function judgeNames(
  names: readonly string[],
  resolve: (name: string) => Promise<readonly string[]>,
): Promise<Finding> {
  const answers = await Promise.allSettled(names.map(resolve));
  const lost = names.filter((_, index) => answers[index]?.status === 'rejected');
  if (lost.length === 0) return ok(`All ${names.length} hosts of agents have addresses`);
  return warning(`${lost.length} of ${names.length} hosts of agents have no address: ${lost.join(', ')}`, [
    `getent ahosts ${lost[0]!}`,
    '# See /etc/resolv.conf.',
  ]);
}
