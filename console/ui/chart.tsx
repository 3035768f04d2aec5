import { useEffect, useRef } from 'preact/hooks';

export interface ChartSeries {
  readonly title: string;
  readonly values: readonly (number | null)[];
  /** A custom property of the style sheet, such as `--line-1`. */
  readonly color: string;
}

interface ChartProps {
  readonly title: string;
  /** Epoch milliseconds. */
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
  readonly unit: string;
}

const height = 180;

/** Draw into a place, anew for other data. The library is loaded when a chart is shown. */
function usePlot({ times, series }: Pick<ChartProps, 'times' | 'series'>) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let destroy: (() => void) | undefined;
    let isGone = false;
    void import('uplot').then(async ({ default: Plot }) => {
      await import('uplot/dist/uPlot.min.css');
      const parent = place.current;
      if (isGone || parent === null) return;
      const style = getComputedStyle(parent);
      const colorOf = (name: string) => style.getPropertyValue(name);
      const axis = { stroke: colorOf('--quiet'), grid: { stroke: colorOf('--border'), width: 1 } };
      const lines = series.map(({ title: label, color }) => ({
        label,
        stroke: colorOf(color),
        width: 2,
        points: { show: times.length < 3 },
      }));
      const plot = new Plot(
        {
          width: parent.clientWidth,
          height,
          cursor: { drag: { x: false, y: false } },
          series: [{}, ...lines],
          axes: [axis, { ...axis, size: 56 }],
        },
        [times.map((time) => time / 1000), ...series.map(({ values }) => [...values])],
        parent,
      );
      const resize = new ResizeObserver(() => plot.setSize({ width: parent.clientWidth, height }));
      resize.observe(parent);
      destroy = () => {
        resize.disconnect();
        plot.destroy();
      };
    });
    return () => {
      isGone = true;
      destroy?.();
    };
  }, [JSON.stringify([times, series])]);
  return place;
}

/** A chart over time, with a table of its values for who cannot see it. */
export function Chart({ title, times, series, unit }: ChartProps) {
  const place = usePlot({ times, series });
  return (
    <figure class="chart">
      <figcaption>
        {title} <span class="quiet">({unit})</span>
      </figcaption>
      <div ref={place} class="plot" aria-hidden="true" />
      <details>
        <summary>Values as a table</summary>
        <Values title={title} times={times} series={series} />
      </details>
    </figure>
  );
}

function Values({ title, times, series }: Omit<ChartProps, 'unit'>) {
  return (
    <div class="table" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {series.map(({ title: name }) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {times.map((time, at) => (
            <tr key={time}>
              <td>{new Date(time).toLocaleString()}</td>
              {series.map(({ title: name, values }) => (
                <td key={name} class="number">
                  {values[at] ?? '–'}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
