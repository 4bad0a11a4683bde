const secretWords = ['token', 'secret', 'password', 'passphrase', 'apiKey', 'authorization', 'cookie', 'credentials'];
const wholeFields = ['environment', 'env'];

/**
 * Fields whose values never reach the log, at the top and one and two levels down. It is the second net: secrets are not
 * handed to the log in the first place.
 */
export const secretPaths: readonly string[] = [...secretWords, ...wholeFields].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);
