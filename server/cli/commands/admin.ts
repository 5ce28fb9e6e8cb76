import { command } from '../command.ts';
import { connect } from '../connect.ts';
import { readPolicy } from '../policy.ts';
import { show } from '../shell.ts';

const apply = command({
  name: 'admin policy apply',
  summary: 'Apply a policy.yaml: tenants, shares, quotas, and how the queue decides.',
  arguments: [{ name: 'FILE', help: 'The policy.yaml; its schema is resources/policy.schema.json.' }],
  options: { 'dry-run': { type: 'boolean', help: 'Only say what would change.' } },
  examples: ['slipway admin policy apply policy.yaml --dry-run'],
  uses: 'controlPlane',
  async run({ args, options, target }, shell) {
    const text = await readPolicy(shell, args[0]!);
    const client = await connect(target, shell);
    const answer = await client.call('applyPolicy', { body: { text, dryRun: options['dry-run'] } });
    show(shell, answer, ({ changes, applied }) => {
      if (changes.length === 0) return 'Nothing changes.';
      return [applied ? 'Applied:' : 'Would change:', ...changes.map((change) => `  ${change}`)].join('\n');
    });
    return 0;
  },
});

const policyShow = command({
  name: 'admin policy show',
  summary: 'Show the policy.yaml that is applied, or the defaults.',
  options: {},
  examples: ['slipway admin policy show > policy.yaml'],
  uses: 'controlPlane',
  async run({ target }, shell) {
    const client = await connect(target, shell);
    show(shell, await client.call('getPolicy', {}), ({ text }) => text.trimEnd());
    return 0;
  },
});

export const commands = [apply, policyShow];
