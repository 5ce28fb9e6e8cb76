// Colours of the current theme as canvases need them: read from the CSS variables, and read again when it changes.
import { useEffect, useState } from 'preact/hooks';

export interface ChartTheme {
  text: string;
  muted: string;
  grid: string;
  line: string;
  best: string;
  warning: string;
  error: string;
  background: string;
  font: string;
  /** From the low to the high end of a value that colours lines and dots. */
  ramp: readonly string[];
  /** Colours of curves that stand in one chart; beyond them the stroke tells curves apart too. */
  curves: readonly string[];
}

const variables: Record<Exclude<keyof ChartTheme, 'font' | 'ramp' | 'curves'>, string> = {
  text: '--text',
  muted: '--muted',
  grid: '--chart-grid',
  line: '--chart-line',
  best: '--chart-best',
  warning: '--warning',
  error: '--error',
  background: '--background',
};
const curveColors = ['blue', 'orange', 'green', 'red', 'purple', 'yellow'];
const rampSteps = 12;

/** The theme's colours; a new object after each change of the theme. */
export function useChartTheme(): ChartTheme {
  const [theme, set] = useState(readTheme);
  useEffect(() => {
    const refresh = () => set(readTheme());
    // VS Code writes a new theme into the style of <html> and the class of <body>.
    const observer = new MutationObserver(refresh);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class'] });
    observer.observe(document.body, { attributes: true, attributeFilter: ['class'] });
    const media = ['(prefers-color-scheme: dark)', '(prefers-contrast: more)', '(forced-colors: active)'].map((query) =>
      window.matchMedia(query),
    );
    for (const query of media) query.addEventListener('change', refresh);
    return () => {
      observer.disconnect();
      for (const query of media) query.removeEventListener('change', refresh);
    };
  }, []);
  return theme;
}

function readTheme(): ChartTheme {
  const style = getComputedStyle(document.body);
  const colors = Object.fromEntries(
    Object.entries(variables).map(([key, variable]) => [key, resolveColor(style.getPropertyValue(variable))]),
  ) as Omit<ChartTheme, 'font' | 'ramp' | 'curves'>;
  return {
    ...colors,
    font: `11px ${style.fontFamily}`,
    ramp: Array.from({ length: rampSteps }, (_, step) => {
      const share = (100 * step) / (rampSteps - 1);
      return resolveColor(`color-mix(in oklab, var(--chart-best) ${share}%, var(--chart-line))`);
    }),
    curves: curveColors.map((name) => resolveColor(`var(--vscode-charts-${name}, var(--text))`)),
  };
}

/** A canvas takes no `var()` and no `color-mix()` over variables: the browser computes the colour first. */
function resolveColor(value: string): string {
  const probe = document.createElement('span');
  probe.style.color = value;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}
