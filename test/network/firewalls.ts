import { until } from '../lab/until.ts';
import type { Lab } from '../lab/lab.ts';

/** Programs that carry out shell text on a lab's host. */
export function sh(lab: Lab, text: string): Promise<string> {
  return lab.inside.output(['sh', '-ec', text]);
}

/** firewalld as the distribution ships it, with its own bus; settings are the lab's alone. */
export async function startFirewalld(lab: Lab): Promise<{ stop(): Promise<void> }> {
  await sh(lab, 'mkdir -p /run/dbus; mountpoint -q /etc/firewalld || mount -t tmpfs tmpfs /etc/firewalld');
  const bus = lab.spawn(['dbus-daemon', '--system', '--nofork', '--nopidfile']);
  await until('the bus', async () => (await lab.run(['test', '-S', '/run/dbus/system_bus_socket'])).exitCode === 0);
  const daemon = lab.spawn(['firewalld', '--nofork', '--nopid']);
  const isUp = async () => (await lab.run(['firewall-cmd', '--state'])).exitCode === 0;
  await until('firewalld', isUp, { timeoutMs: 60_000 });
  return {
    stop: async () => {
      await daemon.stop();
      await bus.stop();
    },
  };
}

/** What dockerd does to a host's firewall when it starts, in both families, as its rules are listed afterwards. */
export const dockerChains = ['iptables-nft', 'ip6tables-nft']
  .map(
    (program) => `
    ${program} -P FORWARD DROP
    ${program} -N DOCKER
    ${program} -N DOCKER-USER
    ${program} -N DOCKER-ISOLATION-STAGE-1
    ${program} -A DOCKER-USER -j RETURN
    ${program} -A DOCKER-ISOLATION-STAGE-1 -j RETURN
    ${program} -A FORWARD -j DOCKER-USER
    ${program} -A FORWARD -j DOCKER-ISOLATION-STAGE-1
    ${program} -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    ${program} -A FORWARD -o docker0 -j DOCKER
    ${program} -A FORWARD -i docker0 ! -o docker0 -j ACCEPT`,
  )
  .join('\n');

/** Everything that the iptables programs hold is gone afterwards. */
export const noIptables = ['iptables-nft', 'ip6tables-nft']
  .map(
    (program) =>
      `${program} -P FORWARD ACCEPT; ${program} -P INPUT ACCEPT; ${program} -F; ${program} -X; ${program} -t mangle -F`,
  )
  .join('; ');

/** The chains of ufw that decide, with its defaults: incoming and routed denied. */
export const ufwChains = [
  { program: 'iptables-nft', ufw: 'ufw' },
  { program: 'ip6tables-nft', ufw: 'ufw6' },
]
  .map(
    ({ program, ufw }) => `
    for chain in before-input after-input user-input not-local before-forward user-forward; do ${program} -N ${ufw}-$chain; done
    ${program} -A INPUT -j ${ufw}-before-input
    ${program} -A ${ufw}-before-input -i lo -j ACCEPT
    ${program} -A ${ufw}-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    ${program} -A ${ufw}-before-input -m conntrack --ctstate INVALID -j DROP
    ${program} -A ${ufw}-before-input -p ${program.startsWith('ip6') ? 'ipv6-icmp' : 'icmp'} -j ACCEPT
    ${program} -A ${ufw}-before-input -j ${ufw}-not-local
    ${program} -A ${ufw}-not-local -m addrtype --dst-type LOCAL -j RETURN
    ${program} -A ${ufw}-not-local -m addrtype --dst-type MULTICAST -j RETURN
    ${program} -A ${ufw}-not-local ${program.startsWith('ip6') ? '' : '-m addrtype --dst-type BROADCAST'} -j RETURN
    ${program} -A ${ufw}-not-local -j DROP
    ${program} -A ${ufw}-before-input -j ${ufw}-user-input
    ${program} -A INPUT -j ${ufw}-after-input
    ${program} -P INPUT DROP
    ${program} -A FORWARD -j ${ufw}-before-forward
    ${program} -A ${ufw}-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    ${program} -A ${ufw}-before-forward -j ${ufw}-user-forward
    ${program} -P FORWARD DROP`,
  )
  .join('\n');

/** What `ufw allow in on LINK` and `ufw route allow in on LINK` add. */
export function ufwFix(command: string): string {
  const [, route, link] = /^ufw (route )?allow in on (\S+)$/.exec(command) ?? [];
  const chain = route ? 'user-forward' : 'user-input';
  return `iptables-nft -A ufw-${chain} -i ${link} -j ACCEPT; ip6tables-nft -A ufw6-${chain} -i ${link} -j ACCEPT`;
}
