/** kubectl of the cluster's own version, as its administrator. */
import { kubeconfig } from './layout.ts';
import { execute } from './processes.ts';

export type Kubectl = (args: string[], input?: string) => Promise<string>;

export function kubectlOf(kubernetes: string): Kubectl {
  return (args, input) => execute([kubernetes, 'kubectl', `--kubeconfig=${kubeconfig}`, ...args], { input });
}

/** Applies objects; the server merges them, so that applying twice is applying once. */
export async function apply(kubectl: Kubectl, objects: object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], list);
}
