/** Configuration that can take a container's walls down: namespaces, system calls, kernel modules, its init's own settings. */
const openingKeys = ['security.', 'raw.', 'linux.kernel_modules', 'nvidia.'];

/** These add a wall or ask before one goes. */
const harmlessKeys = ['security.protection.'];

/**
 * Whether a configuration key may weaken isolation, whatever its value: coi sets those that it wants, and takes away what
 * anybody else sets. See Incus documentation, "Instance options".
 */
export function isOpeningKey(key: string): boolean {
  const startsKey = (prefix: string): boolean => key.startsWith(prefix);
  return openingKeys.some(startsKey) && !harmlessKeys.some(startsKey);
}

/**
 * Whether a device is a way past the rules or to the host: everything but a volume of a storage pool and the absence of a
 * device. A second network interface, for one, has no rules at all, a proxy carries packets past them, and a disk shows a
 * directory of the host. See Incus documentation, "Devices".
 */
export function isOpeningDevice({ type, pool }: Readonly<Record<string, string>>): boolean {
  return type !== 'none' && !(type === 'disk' && pool);
}
