import { ProblemList, renderPosition } from '../../base/problem.ts';
import { failed, ok, type HealthCheck } from '../check.ts';

/** Whether the settings of this host can be used; built-in values stand in for them here where they cannot. */
export const configCheck: HealthCheck = {
  name: 'config',
  group: 'CONFIGURATION',
  look: async ({ settings: { files, problem } }) => {
    if (!problem)
      return ok(files.length === 0 ? 'No settings file: built-in values hold' : `Settings: ${files.at(-1)}`);
    const [first = problem] = problem instanceof ProblemList ? problem.problems : [];
    const { position, message } = first;
    const place = position ? `${renderPosition(position)}: ` : '';
    return failed(`The settings cannot be used: ${place}${message}`, ['# Correct that line.']);
  },
};

/** Which network mode sandboxes have unless told otherwise. */
export const networkModeCheck: HealthCheck = {
  name: 'network_mode',
  group: 'CONFIGURATION',
  look: async ({ settings: { networkMode } }) =>
    ok(`Sandboxes have the network mode "${networkMode}" unless told otherwise`),
};

/** Which agent sessions start. */
export const toolCheck: HealthCheck = {
  name: 'tool',
  group: 'CONFIGURATION',
  look: async ({ settings: { agent = 'a command of its own' } }) => ok(`Sessions start ${agent} unless told otherwise`),
};
