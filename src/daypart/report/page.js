"use strict";
(function () {
  const specs = JSON.parse(document.getElementById("chart-specifications").textContent);
  const WIDTH_FOR_PRINT = { wide: 1300, half: 640 }; // drawn larger, shrunk by the style
  const HEIGHT_FOR_PRINT = 0.78; // of the height on a screen
  const views = [];

  function showError(element, error) {
    element.textContent = "This chart can't be drawn here; its numbers are in the CSV.";
    element.setAttribute("data-chart", "failed");
    console.error(element.id, error);
  }

  function draw(element) {
    const options = { actions: false, renderer: "svg", mode: "vega-lite" };
    vegaEmbed(element, specs[element.dataset.name], options).then(
      (result) => {
        views.push({ element, view: result.view, height: result.view.height() });
        element.setAttribute("data-chart", "drawn");
      },
      (error) => showError(element, error),
    );
  }

  function fit(widthOf, tallness) {
    for (const { element, view, height } of views)
      view.width(widthOf(element)).height(height * tallness).run();
  }

  document.querySelectorAll(".chart").forEach(draw);
  window.addEventListener("beforeprint", () => {
    fit(
      (element) =>
        element.closest(".panel:only-child") ? WIDTH_FOR_PRINT.wide : WIDTH_FOR_PRINT.half,
      HEIGHT_FOR_PRINT,
    );
  });
  window.addEventListener("afterprint", () => fit((element) => element.clientWidth, 1));
})();
