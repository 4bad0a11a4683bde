const hostName = /^(?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)*(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/**
 * The name a query asks for, in lower case and without the dot at its end; undefined when it is no host name. What is
 * judged is also what is forwarded, so nothing is translated here: a name that is not plain ASCII is none.
 */
export function questionName(text: string): string | undefined {
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return name.length <= 253 && hostName.test(name) ? name : undefined;
}
