import { manifestJsonSchemaText } from '../spec/json-schema.ts';
import type { Verb } from './verb.ts';

/** `coi schema` */
export const schema: Verb = async ({ io }) => {
  io.stdout.write(manifestJsonSchemaText());
  return 0;
};
