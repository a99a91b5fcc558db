# A value of hsflowd.conf. Text holds no double quote and no line end, which would end it and begin something else.
type Hsflowd_rs::Value = Variant[Boolean, Integer, Float, Undef, Pattern[/\A[^"\r\n]*\z/], Array[Hsflowd_rs::Value], Hsflowd_rs::Settings]
