import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ignore, { type Ignore } from 'ignore';

export const IGNORE_FILE = '.dvcignore';

/** The rules of one `.dvcignore`, with the folder they are relative to. */
interface RuleFile {
  prefix: string;
  rules: Ignore;
}

/** The `.dvcignore` files that hold in a folder, the nearest last. */
export type IgnoreRules = readonly RuleFile[];

/** The rules for a dataset's folder from above: every `.dvcignore` from the repository's root down to its parent. */
export function rulesAbove(folder: string): IgnoreRules {
  const root = repositoryRoot(folder);
  if (root === null || root === folder) return [];
  const parents: string[] = [];
  for (let at = dirname(folder); ; at = dirname(at)) {
    parents.unshift(at);
    if (at === root) break;
  }
  return parents.reduce<IgnoreRules>(rulesIn, []);
}

/** The rules that hold in a folder: those from above and its own `.dvcignore`, if it has one. */
export function rulesIn(above: IgnoreRules, folder: string): IgnoreRules {
  const file = join(folder, IGNORE_FILE);
  if (!existsSync(file)) return above;
  const rules = ignore({ ignorecase: false }).add(readFileSync(file, 'utf8'));
  return [...above, { prefix: `${folder}/`, rules }];
}

/** Whether DVC would leave a file or folder out: the nearest file with a say decides. */
export function isIgnored(rules: IgnoreRules, path: string, isFolder: boolean): boolean {
  for (const { prefix, rules: own } of rules.toReversed()) {
    const verdict = own.test(path.slice(prefix.length) + (isFolder ? '/' : ''));
    if (verdict.ignored) return true;
    if (verdict.unignored) return false;
  }
  return false;
}

/** The nearest folder at or above with `.dvc` in it, else with `.git`; null when there is none. */
function repositoryRoot(folder: string): string | null {
  for (const mark of ['.dvc', '.git']) {
    for (let at = folder; ; at = dirname(at)) {
      if (existsSync(join(at, mark))) return at;
      if (at === dirname(at)) break;
    }
  }
  return null;
}
