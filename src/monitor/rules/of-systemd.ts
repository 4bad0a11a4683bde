const directory = /^(?:\/usr)?\/lib\/systemd\/(?:(?:system|user)-(?:environment-)?generators\/)?([a-z0-9-]{1,40})$/;
const daemons =
  'battery-check binfmt cgroups-agent coredump cryptsetup executor fsck fsckd growfs homed hostnamed hwdb import-fs importd ' +
  'initctl integritysetup journald localed logind machined machine-id-setup makefs modules-load networkd ' +
  'networkd-wait-online network-generator nsresourced oomd pcrextend pcrlock portabled pstore quotacheck random-seed ' +
  'remount-fs reply-password resolved rfkill shutdown sleep socket-proxyd sysctl sysext sysroot-fstab-check sysusers sysv-install timedated ' +
  'time-wait-sync timesyncd tmpfiles udevd update-done update-helper update-utmp user-runtime-dir user-sessions userdbd ' +
  'userwork vconsole-setup veritysetup volatile-root xdg-autostart-condition';
const generators =
  'bless-boot cryptsetup debug environment-d fstab getty gpt-auto hibernate-resume import integritysetup rc-local run ssh ' +
  'system-update sysv tpm2 veritysetup xdg-autostart';
const others =
  'systemd cloud-init-generator friendly-recovery lvm2-activation-generator netplan openvpn-generator snapd-generator';
const names = new Set([
  ...others.split(' '),
  ...daemons.split(' ').map((name) => `systemd-${name}`),
  ...generators.split(' ').map((name) => `systemd-${name}-generator`),
]);

/**
 * Whether a path is that of one of systemd's own programs, in its directory. Whoever is root inside can put another there: what
 * is excepted so are attempts, which the kernel refuses whoever makes them.
 */
export function isOfSystemd(path: string): boolean {
  const [, name] = directory.exec(path) ?? [];
  return name !== undefined && names.has(name);
}
