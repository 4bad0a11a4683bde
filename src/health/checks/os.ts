import { ok, type HealthCheck } from '../check.ts';

/** Which system this is. Says nothing about its fitness: every other check does. */
export const osCheck: HealthCheck = {
  name: 'os',
  group: 'SYSTEM',
  look: async ({ machine }) => {
    const text = (await machine.read('/etc/os-release')) ?? '';
    const name = valueOf(text, 'PRETTY_NAME') ?? valueOf(text, 'NAME') ?? 'Linux';
    const isLima = await machine.isLima();
    // Colima's guests are Lima's, under a name of their own.
    const guest = isLima ? ` [${machine.hostname.startsWith('colima') ? 'colima' : 'lima'}]` : '';
    return ok(`${name} on ${machine.architecture}${guest}`, { architecture: machine.architecture, lima: isLima });
  },
};

/** @see os-release(5) */
function valueOf(text: string, key: string): string | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${key}=`));
  return line?.slice(key.length + 1).replace(/^(["'])(.*)\1$/, '$2');
}
