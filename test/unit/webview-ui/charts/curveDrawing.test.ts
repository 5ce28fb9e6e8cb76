import assert from 'node:assert/strict';
import { type CurveOptions, curveOf, firstCurveOptions } from '../../../../webview-ui/charts/curve.ts';
import { curveFrame, drawCurves, lookOf, plotOf } from '../../../../webview-ui/charts/curveDrawing.ts';
import { densityOf, drawHistograms } from '../../../../webview-ui/charts/histogram.ts';
import { svgPen } from '../../../../webview-ui/charts/pen.ts';
import type { ChartTheme } from '../../../../webview-ui/charts/theme.ts';
import { seriesOf } from '../../../../webview-ui/store/series.ts';

const names = ['text', 'muted', 'grid', 'line', 'best', 'warning', 'error', 'background', 'font'] as const;
const theme = {
  ...Object.fromEntries(names.map((name) => [name, name])),
  ramp: ['low', 'high'],
  curves: ['blue', 'orange'],
} as unknown as ChartTheme;

function drawn(values: (number | 'NaN')[], options: Partial<CurveOptions> = {}, zoomed?: [number, number]): string {
  const given = { ...firstCurveOptions, smoothing: 0, ...options };
  const nonFinite = { nan: 0, positiveInfinity: 0, negativeInfinity: 0 };
  const part = { run: 'r', tag: 't', total: values.length, superseded: 0, nonFinite, values };
  const steps = values.map((_, i) => i);
  const curve = curveOf(seriesOf({ ...part, steps, wallTimes: steps }), given);
  const pen = svgPen(400, 180, '11px sans-serif', 'white');
  drawCurves(pen, curveFrame(400, 180), plotOf([{ curve, color: 'blue', dash: [] }], given, zoomed), theme);
  return pen.document();
}

/** The moves of the pen in all lines of a colour. */
const path = (svg: string, color: string) =>
  [...svg.matchAll(new RegExp(`<path d="([^"]*)"[^>]*stroke="${color}"`, 'g'))].map(([, data]) => data!).join('');

describe('the drawing of curves', () => {
  it('breaks the line where there is no number, and marks the place', () => {
    const svg = drawn([1, 2, 'NaN', 3, 4]);
    assert.equal(path(svg, 'blue').match(/M/g)!.length, 2);
    assert.ok(path(svg, 'error').length > 0);
    assert.equal(path(drawn([1, 2, 3]), 'error'), '');
  });

  it('draws in a zoomed range one point beyond each side, so that lines go on to the edges', () => {
    const values = Array.from({ length: 100 }, (_, i) => i);
    const points = path(drawn(values, {}, [40, 44]), 'blue').match(/[ML]/g)!.length;
    assert.equal(points, 7);
  });

  it('draws a curve of few points with dots, so that one alone can be seen', () => {
    assert.match(drawn([5]), /<circle/);
    assert.doesNotMatch(drawn(Array.from({ length: 500 }, (_, i) => i)), /<circle/);
  });

  it('shades the envelope where it is asked for', () => {
    assert.match(drawn([1, 5, 2, 6], { showsEnvelope: true, smoothing: 0.6 }), /<polygon/);
    assert.doesNotMatch(drawn([1, 5, 2, 6]), /<polygon/);
  });

  it('tells more curves apart than there are colours', () => {
    const looks = Array.from({ length: 8 }, (_, i) => JSON.stringify(lookOf(i, theme)));
    assert.equal(new Set(looks).size, 8);
  });
});

describe('the drawing of histograms', () => {
  it('compares buckets of different widths by their density', () => {
    const { bars } = densityOf({ step: 0, wallTime: 0, edges: [0, 1, 3], counts: [4, 4] });
    assert.deepEqual(
      bars.map((bar) => bar.density),
      [4, 2],
    );
  });

  it('gives values that are all alike a bucket that can be seen, and leaves out endless ones', () => {
    assert.ok(densityOf({ step: 0, wallTime: 0, edges: [2, 2], counts: [9] }).bars[0]!.to > 2);
    assert.equal(densityOf({ step: 0, wallTime: 0, edges: ['-Infinity', 0, 1], counts: [3, 4] }).bars.length, 1);
  });

  it('letters the chosen step', () => {
    const pen = svgPen(400, 180, '11px sans-serif', 'white');
    const densities = [10, 20, 30].map((step) => densityOf({ step, wallTime: 0, edges: [0, 1], counts: [step] }));
    drawHistograms(pen, { width: 400, height: 180 }, { densities, chosen: 1 }, theme);
    assert.match(pen.document(), /fill="text"[^>]*>20</);
  });
});
