import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLab, type Lab } from '../lab/lab.ts';
import { dockerChains, sh, startFirewalld } from '../network/firewalls.ts';

const root = join(import.meta.dirname, '../..');
let lab: Lab;
let firewalld: Awaited<ReturnType<typeof startFirewalld>>;

beforeAll(async () => {
  lab = await openLab({ name: 'friends', images: [] });
  firewalld = await startFirewalld(lab);
  await sh(lab, dockerChains);
});
afterAll(async () => {
  await firewalld?.stop();
  await lab?.[Symbol.asyncDispose]();
});

/** Runs functions of quickstart's parts as quickstart would, with a ledger of the lab's own. */
async function quickstart(words: string, dryRun = ''): Promise<string> {
  const parts = ['report', 'ledger', 'incus', 'bridge', 'neighbours'];
  const script = `
    set -eu
    repo=${root} state_dir=${lab.dir}/quickstart run_dir=${lab.dir}/quickstart-run dry_run='${dryRun}' changes=0 log=${lab.dir}/log
    for part in ${parts.join(' ')}; do . "$repo/deploy/lib/$part"; done
    ${words}
    echo "changes $changes"`;
  const { stdout, stderr, exitCode } = await lab.run(['sh', '-c', script]);
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}

const rules = () =>
  sh(
    lab,
    'for p in iptables ip6tables; do $p-nft-save | grep -v "^#"; done; cat /etc/firewalld/zones/*.xml 2>/dev/null || true',
  );
/** firewalld keeps a file for a zone that was changed once. */
const withoutZones = (text: string) => text.replace(/<\?xml[^]*$/, '').trim();
const zone = async () => (await lab.run(['firewall-cmd', '--get-zone-of-interface=coibr0'])).stdout.trim();

describe('quickstart beside other firewalls', () => {
  it('says what it would do, and does nothing', async () => {
    const before = await rules();
    const said = await quickstart('befriend_neighbours', 'yes');
    expect(said).toContain('would put coibr0 into firewalld');
    expect(said.match(/would let sandboxes through Docker's firewall: ip6?tables-nft -I DOCKER-USER/g)).toHaveLength(4);
    expect(await rules()).toBe(before);
  });

  it('lets sandboxes through, once, and takes back exactly that', async () => {
    const before = await rules();
    await sh(lab, 'iptables-nft -I DOCKER-USER -i other0 -j ACCEPT');
    expect(await quickstart('befriend_neighbours')).toContain('changes 5');
    expect(await zone()).toBe('trusted');
    const beside = await rules();
    expect(beside.match(/-A DOCKER-USER -i coibr0 -m mark --mark 0x20000000\/0x20000000 -j ACCEPT/g)).toHaveLength(2);
    expect(beside.match(/-A DOCKER-USER -o coibr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT/g)).toHaveLength(
      2,
    );
    expect(await quickstart('befriend_neighbours')).toContain('changes 0');
    expect(await rules()).toBe(beside);

    await quickstart('ledger_undo');
    await sh(lab, 'iptables-nft -D DOCKER-USER -i other0 -j ACCEPT');
    expect(withoutZones(await rules())).toBe(withoutZones(before));
    expect(await rules()).not.toContain('coibr0');
    expect(await zone()).not.toBe('trusted');
  });

  it('leaves a bridge alone that is trusted already', async () => {
    const trust = '--zone=trusted --change-interface=coibr0';
    await sh(lab, `firewall-cmd -q --permanent ${trust}; firewall-cmd -q ${trust}`);
    expect(await quickstart('befriend_firewalld')).toContain('changes 0');
  });
});
