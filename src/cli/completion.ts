import { exitCodes } from './failure.ts';
import { bashScript } from './completion-bash.ts';
import { completionWords } from './completion-words.ts';
import { fishScript } from './completion-fish.ts';
import { powershellScript } from './completion-powershell.ts';
import { zshScript } from './completion-zsh.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';
import { verbs } from './verbs.ts';

const scripts: Readonly<Record<string, typeof bashScript>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
  powershell: powershellScript,
};

/** `coi completion`: a script for a shell, made from the commands that there are. Asks nobody. */
export const completion: Verb = async ({ io, args }) => {
  const [shell = ''] = args;
  const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
  if (!script)
    throw new UsageProblem(`There is no completion for "${shell}"`, `Use one of: ${Object.keys(scripts).join(', ')}`);
  io.stdout.write(script(completionWords(verbs)));
  return exitCodes.done;
};
