import type { GraphicComponentOption, GridComponentOption, LegendComponentOption, SeriesOption, TitleComponentOption, VisualMapComponentOption, XAXisComponentOption, YAXisComponentOption } from 'echarts';
import type { Answer, Line } from './ask.ts';
/** Where a panel is, in pixels. */
export interface Box {
    x: number;
    y: number;
    width: number;
    height: number;
}
/** What a panel adds to the one chart that all panels are in. */
export interface Drawing {
    title?: TitleComponentOption[];
    graphic?: GraphicComponentOption[];
    grid?: GridComponentOption[];
    xAxis?: XAXisComponentOption[];
    yAxis?: YAXisComponentOption[];
    legend?: LegendComponentOption[];
    visualMap?: VisualMapComponentOption[];
    series?: SeriesOption[];
}
/** `index` is that of its axes, if it has some, among those of all panels. */
export declare function drawingOf(answer: Answer, box: Box, index: number): Drawing;
export declare const last: ({ points }: Line) => number | undefined;
