/** What may be bundled: licenses that ask for their text to go along, and for nothing of what they go with. */
const ALLOWED = ['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0', 'Unlicense'];

const HEADING = /^((?:@[\w.-]+\/)?[\w.-]+) (\d+\.\d+\.\d+\S*), (.*)$/;

export interface Licensed {
  name: string;
  version: string;
  license: string;
}

/** The packages of dist/licenses.txt, by the line that stands above each text. */
export function licensed(licenses: string): Licensed[] {
  return licenses.split('\n').flatMap((line) => {
    const [, name, version, license] = HEADING.exec(line) ?? [];
    return name === undefined ? [] : [{ name, version, license }];
  });
}

/** Those that nobody has allowed: `NAME VERSION: LICENSE`. Of a choice (`OR`) one is enough, of several (`AND`) all count. */
export function notAllowed(packages: readonly Licensed[]): string[] {
  const isAllowed = (license: string): boolean => {
    const bare = license.replace(/^\((.*)\)$/, '$1');
    const choice = bare.split(' OR ');
    if (choice.length > 1) return choice.some(isAllowed);
    return bare.split(' AND ').every((each) => ALLOWED.includes(each.trim()));
  };
  return packages
    .filter(({ license }) => !isAllowed(license))
    .map(({ name, version, license }) => `${name} ${version}: ${license}`);
}
