import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type FileProblem,
  nearestKey,
  parseSlipwayFile,
  requireSlipwayFile,
  stageOrder,
} from '../../../server/protocol/parseSlipwayFile.ts';

const whole = `project: digits
dataset: { name: digits, path: data, split: { strategy: stratified, by: label, test: 0.2, seed: 7 } }
env: { TZ: UTC }
secrets: [ hf-token ]
stages:
  preprocess: { run: python preprocess.py, outputs: [features] }
  augment:    { needs: [preprocess], run: python augment.py, parallel: 4 }
train:
  run: python train.py
  args: argparse
  environment: { python: "3.11", requirements: requirements.txt }
  resources: { cpu: 1, memory: 2Gi, gpu: 0 }
  params: { lr: 0.01, hidden: 64 }
  collect: { logs: [runs/**], checkpoints: [ckpt/*.pt], model: out/model.pt, metrics: metrics.json }
  checkpoints: { keep: { last: 2, best: 1 }, grace: 60s }
  objective: { metric: val/accuracy, goal: maximize }
sweep: { sampler: tpe, stopper: asha, trials: 30, parallel: 2, space: { lr: { log: [0.0001, 0.1] }, hidden: { choice: [32, 64, 128] } } }
validate: { run: python evaluate.py, gates: [ { metric: test/accuracy, min: 0.95 }, { metric: test/accuracy, notWorseThan: production, by: 0.005 } ], otherwise: sweep }
serve:
  { framework: fastapi, entry: serve.py, replicas: 2, access: private,
    rollout: { steps: [5, 25, 50, 100], analysis: { maxErrorRate: 0.01, maxP95Ratio: 1.5, minRequests: 200 } } }
monitor: { sample: { rate: 0.1, keep: 30d, fields: [], redact: [] }, drift: { test: psi, threshold: 0.2, window: 1h }, retrain: { when: drift, then: propose, budget: 20h, cooldown: 24h } }
`;

/** `line:column-endLine:endColumn code path` of each problem. */
function places(text: string): string[] {
  return parseSlipwayFile(text).problems.map(at);
}
function at({ line, column, endLine, endColumn, code, path }: FileProblem): string {
  return `${line}:${column}-${endLine}:${endColumn} ${code} ${path}`;
}

describe('slipway.yaml', () => {
  it('reads the whole of what the documentation shows, with defaults filled in and units as numbers', () => {
    const { file, problems } = parseSlipwayFile(whole);
    assert.deepEqual(problems, []);
    assert.equal(file!.train!.resources!.memory, 2 * 2 ** 30);
    assert.equal(file!.train!.checkpoints!.grace, 60_000);
    assert.equal(file!.monitor!.sample!.keep, 30 * 86_400_000);
    assert.deepEqual(file!.validate!.otherwise, ['sweep']);
    assert.equal(file!.serve!.rollout.analysis.maxWait, 86_400_000);
    assert.equal(file!.stages['preprocess']!.args, 'none');
  });

  it('tells the lines of keys and stages', () => {
    const { lines } = parseSlipwayFile(whole);
    assert.deepEqual([lines['project'], lines['stages.augment'], lines['train'], lines['serve']], [1, 7, 8, 19]);
  });

  const unknownKeys: [key: string, text: string, place: string, hint: RegExp][] = [
    ['at the top', 'project: digits\ntrian:\n  run: x\n', '2:1-2:6 yaml.unknownKey trian', /`train`/],
    ['in train', 'project: digits\ntrain:\n  run: x\n  parms: {}\n', '4:3-4:8 yaml.unknownKey train.parms', /`params`/],
    [
      'in a stage',
      'project: digits\nstages:\n  a: { run: x, ouputs: [y] }\n',
      '3:16-3:22 yaml.unknownKey stages.a.ouputs',
      /`outputs`/,
    ],
    [
      'in a list',
      'project: digits\nvalidate:\n  run: x\n  gates:\n    - metric: acc\n      mim: 1\n      min: 1\n',
      '6:7-6:10 yaml.unknownKey validate.gates.0.mim',
      /`min`/,
    ],
    [
      'deep below defaults',
      'project: digits\nserve: { framework: flask, rollout: { analysis: { maxErorRate: 1 } } }\n',
      '2:51-2:62 yaml.unknownKey serve.rollout.analysis.maxErorRate',
      /`maxErrorRate`/,
    ],
    [
      'after Korean text',
      'project: digits\ntrain: { run: "훈련 🙂", pram: 1 }\n',
      '2:24-2:28 yaml.unknownKey train.pram',
      /`params`/,
    ],
  ];
  for (const [where, text, place, hint] of unknownKeys) {
    it(`names the nearest key for an unknown one ${where}, at its exact place`, () => {
      const [problem, ...others] = parseSlipwayFile(text).problems;
      assert.deepEqual([at(problem!), others], [place, []]);
      assert.match(problem!.hint, hint);
    });
  }

  it('lists the known keys when none is near', () => {
    const [problem] = parseSlipwayFile('project: digits\nkubernetes: 1\n').problems;
    assert.match(problem!.hint, /Known keys here: project, dataset, .*train/);
  });

  const wrong: [what: string, text: string, expected: string[]][] = [
    ['a value', 'project: digits\ntrain: { run: x, args: clicky }\n', ['2:24-2:30 yaml.wrongValue train.args']],
    ['a name', 'project: Digits!\n', ['1:10-1:17 yaml.wrongValue project']],
    [
      'a missing key, at the value that lacks it',
      'project: digits\ntrain:\n  args: none\n',
      ['3:3-4:1 yaml.missingKey train.run'],
    ],
    ['an empty file', '', ['1:1-1:1 yaml.missingKey project']],
    ['a file that is no map', 'hello\n', ['1:1-1:6 yaml.wrongValue ']],
    ['bad YAML', 'project: digits\ntrain: { run: x\n', ['3:1-3:2 yaml.syntax ']],
    ['a key twice', 'project: digits\nproject: other\n', ['2:1-2:2 yaml.syntax ']],
    ['a tab', 'project: digits\ntrain:\n\trun: x\n', ['3:1-3:2 yaml.syntax ']],
    ['an alias without its anchor', 'project: digits\nenv: *common\n', ['2:6-2:13 yaml.syntax ']],
    ['a unit', 'project: digits\ntimeout: 5 minutes\n', ['2:10-2:19 yaml.wrongValue timeout']],
    [
      'rollout steps that fall',
      'project: digits\nserve: { framework: flask, rollout: { steps: [50, 5, 100] } }\n',
      ['2:46-2:58 yaml.wrongValue serve.rollout.steps'],
    ],
    [
      'a gate that asks nothing',
      'project: digits\nvalidate: { run: x, gates: [ { metric: acc } ] }\n',
      ['2:30-2:45 yaml.wrongValue validate.gates.0'],
    ],
    [
      'an unknown stage',
      'project: digits\nstages: { prep: { run: x } }\ntrain: { run: x, needs: [perp] }\n',
      ['3:25-3:31 yaml.unknownStage train.needs'],
    ],
    [
      'two things at once',
      'project: digits\ntrian: 1\nsecrets: x\n',
      ['3:10-3:11 yaml.wrongValue secrets', '2:1-2:6 yaml.unknownKey trian'],
    ],
  ];
  for (const [what, text, expected] of wrong) {
    it(`places a problem exactly: ${what}`, () => assert.deepEqual(places(text), expected));
  }

  it('names the stages of a circle in their order', () => {
    const stages =
      'project: digits\nstages:\n  a: { run: x, needs: [c] }\n  b: { run: x, needs: [a] }\n  c: { run: x, needs: [b] }\n';
    const [problem] = parseSlipwayFile(stages).problems;
    assert.equal(problem!.code, 'yaml.cycle');
    assert.match(problem!.message, /a → c → b → a/);
    assert.equal(problem!.line, 3);
  });

  it('names file, line and column in the error for callers that cannot go on', () => {
    assert.throws(() => requireSlipwayFile('project: digits\ntrian: 1\nparm: 2\n'), {
      code: 'yaml.unknownKey',
      message: 'slipway.yaml:2:1: slipway.yaml has no key `trian`. (and 1 more)',
    });
  });

  it('orders stages so that each follows what it needs', () => {
    const stages = { c: { needs: ['b', 'a'] }, b: { needs: ['a'] }, a: {}, d: {} };
    assert.deepEqual(stageOrder(stages), ['a', 'b', 'c', 'd']);
  });

  it('never throws, whatever the text', () => {
    const pieces = fc.constantFrom(
      'project',
      ': ',
      'digits',
      '\n',
      '  ',
      'train',
      'stages',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a',
      '*a',
      '!!x',
      '"',
      '<<',
      'null',
      '1',
      '\t',
      '#',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
        const { file, problems } = parseSlipwayFile(parts.join(''));
        assert.equal(file === undefined, problems.length > 0);
        for (const { line, column } of problems) assert.ok(line >= 1 && column >= 1);
      }),
    );
  });

  describe('nearest key', () => {
    it('counts a swap of neighbours as one mistake', () =>
      assert.equal(nearestKey('tarin', ['taxxn', 'train']), 'train'));
    it('does not guess at what is far away', () => assert.equal(nearestKey('xyzzy', ['train', 'serve']), undefined));
    it('reads over the case of letters', () => assert.equal(nearestKey('PARAMS', ['params']), 'params'));
  });
});
