# Oster's delta on the data of Oster (2019), as the R package bate 0.1.0 ships them and computes it.
#   Rscript tests/reference/make_oster_values.R > tests/reference/oster_values.json
library(bate)

controls <- c("age", "sex", "income", "motherAge", "motherEDU", "mom_married", "race")
studies <- list(
  list("NLSY_IQ", "iq_std", "BF_months", 0.61),
  list("NLSY_IQ", "iq_std", "mom_drink_preg_all", 0.61),
  list("NLSY_IQ", "iq_std", "lbw_preterm", 0.61),
  list("NLSY_BW", "birth_wt", "mom_drink_preg_all", 0.53),
  list("NLSY_BW", "birth_wt", "any_smoke", 0.53)
)

lines <- sapply(studies, function(study) {
  data <- get(study[[1]])
  data$age <- factor(data$age)
  data$race <- factor(data$race)
  found <- collect_par(
    data = data, outcome = study[[2]], treatment = study[[3]], control = controls,
    other_regressors = c("sex", "age")
  )
  delta <- as.numeric(osterdelstar(parameters = found, Rmax = study[[4]])[["deltastar"]])
  numbers <- c(unlist(found), rmax = study[[4]], delta = delta)
  names(numbers) <- c("beta0", "R0", "betatilde", "Rtilde", "sigmay", "sigmax", "taux", "rmax", "delta")
  body <- paste(sprintf('"%s": %s', names(numbers), format(numbers, digits = 17, trim = TRUE, scientific = TRUE)), collapse = ", ")
  sprintf('  "%s on %s": {%s}', study[[3]], study[[2]], body)
})
cat("{\n", paste(lines, collapse = ",\n"), "\n}\n", sep = "")
