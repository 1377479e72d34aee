"use strict";
(function () {
  const specs = JSON.parse(document.getElementById("chart-specifications").textContent);
  const WIDTH_FOR_PRINT = { wide: 1300, half: 640 }; // drawn larger, shrunk by the style
  const views = [];

  function say(element, error) {
    element.textContent = "This chart can't be drawn here; its numbers are in the CSV.";
    element.setAttribute("data-chart", "failed");
    console.error(element.id, error);
  }

  function draw(element) {
    const options = { actions: false, renderer: "svg", mode: "vega-lite" };
    vegaEmbed(element, specs[element.dataset.name], options).then(
      (result) => {
        views.push({ element, view: result.view });
        element.setAttribute("data-chart", "drawn");
      },
      (error) => say(element, error),
    );
  }

  function fit(widthOf) {
    for (const { element, view } of views) view.width(widthOf(element)).run();
  }

  document.querySelectorAll(".chart").forEach(draw);
  window.addEventListener("beforeprint", () => {
    fit((element) =>
      element.closest(".panel:only-child") ? WIDTH_FOR_PRINT.wide : WIDTH_FOR_PRINT.half,
    );
  });
  window.addEventListener("afterprint", () => fit((element) => element.clientWidth));
})();
