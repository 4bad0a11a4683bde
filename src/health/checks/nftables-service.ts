import { listOptional, readOptional } from '../../host/neighbours/files.ts';
import { ok, warning, type HealthCheck } from '../check.ts';

const config = '/etc/nftables.conf';
const units = '/etc/systemd/system';

/** The distribution's nftables service flushes everybody's rules each time it is started, reloaded or stopped. */
export const nftablesServiceCheck: HealthCheck = {
  name: 'nftables_service',
  group: 'NEIGHBOURS',
  look: async () => {
    const text = await readOptional(config);
    if (text === undefined || !/^\s*flush\s+ruleset\b/m.test(text)) return ok(`${config} flushes nobody else's rules`);
    if (!(await isEnabled())) return ok(`nftables.service is not enabled; ${config} would flush every rule`);
    const tables = [...text.matchAll(/^\s*table\s+(?:(inet|ip|ip6|arp|bridge|netdev)\s+)?(\w+)\s*\{/gm)];
    const own = [...new Set(tables.map(([, family = 'ip', name]) => `${family} ${name}`))];
    const instead = own.map((table) => `table ${table}\\ndelete table ${table}`).join('\\n') || '# nothing to flush';
    return warning(
      `nftables.service flushes the rules of coi, too, whenever it is restarted or reloaded; the second layer and the controller catch that`,
      [`sed -i 's/^\\s*flush ruleset.*/${instead}/' ${config}`],
    );
  },
};

async function isEnabled(): Promise<boolean> {
  const wanted = (await listOptional(units)).filter((name) => name.endsWith('.wants'));
  const names = await Promise.all(wanted.map((directory) => listOptional(`${units}/${directory}`)));
  return names.flat().includes('nftables.service');
}
