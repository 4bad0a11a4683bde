import { isSessionName } from './names.ts';
import { instanceName, sessionSourceName } from './schema/formats.ts';
import { parseSessionInstance, usualPrefix, type SessionNames } from './session-names.ts';

/** What a container that is launched by name is called, or why none can be. */
export type ContainerNames = { readonly names: SessionNames } | { readonly fault: string };

/**
 * The names of a container whose instance is to be called just so. Its sandbox is called the same, without the `coi-` that the
 * instance of a declared one begins with, so that both meet where they are the same.
 */
export function containerNames(instance: string): ContainerNames {
  if (!instanceName.safeParse(instance).success || /[A-Z]/.test(instance)) {
    return { fault: 'it needs a lower-case letter first, then letters, digits and dashes, and no dash at the end' };
  }
  const name = instance.startsWith(usualPrefix) ? instance.slice(usualPrefix.length) : instance;
  if (isSessionName(name) || parseSessionInstance(instance)) {
    return { fault: 'it reads like that of a session, which only coi shell and coi run give' };
  }
  if (sessionSourceName.safeParse(name).success) return { names: { name, instance } };
  return { fault: 'it is too long, or begins with del-, as what is being deleted' };
}
