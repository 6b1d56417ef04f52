"""The page people open in the morning: rows in, one HTML file out.

`questions` says which rows it is made of, `encoding` packs them, `figures` describes the charts, `page` puts everything into one file. What is computed in the
browser (selections, sums, comparisons) is the JavaScript in `page/`; `runtime/` holds the chart library that is inlined.
"""
