import type { CompletionVerb } from './completion-words.ts';

/** For PowerShell, to be invoked. @see about_Functions_Argument_Completion, "Register-ArgumentCompleter" */
export function powershellScript(verbs: readonly CompletionVerb[]): string {
  const cases = verbs.map(({ word, flags, below }) => {
    return `    '${word}' { ${[...below, ...flags].map((each) => `'${each.word}'`).join(', ')} }`;
  });
  return `# PowerShell completion for coi. To use it: coi completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName coi, claude-on-incus -ScriptBlock {
  param($word, $line, $cursor)
  $before = $line.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() }
  $verb = $before | Where-Object { $_ -notlike '-*' } | Select-Object -First 1
  if ($verb -eq $word) { $verb = $null }
  $words = switch ($verb) {
${cases.join('\n')}
    default { ${verbs.map(({ word }) => `'${word}'`).join(', ')} }
  }
  $words | Where-Object { $_ -like "$word*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
