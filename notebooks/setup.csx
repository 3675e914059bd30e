// The first cell of every notebook loads this file. Build the solution first: dotnet build -c Release
#r "../lib/Slick.Workbook/bin/Release/Slick.Core.dll"
#r "../lib/Slick.Workbook/bin/Release/slick.dll"
#r "../lib/Slick.Workbook/bin/Release/TorchSharp.dll"
#r "../lib/Slick.Workbook/bin/Release/Plotly.NET.dll"
#r "../lib/Slick.Workbook/bin/Release/Microsoft.Data.Analysis.dll"
Slick.Figures.NotebookFormatters.Register();
Slick.Workbook.Jupyter.NotebookKernel.Attach();
Slick.Workbook.Notebooks.SqlKernel.AddTo(Microsoft.DotNet.Interactive.Kernel.Root);
